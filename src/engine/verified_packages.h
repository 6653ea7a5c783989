#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>

#include "base/byte_pipe.h"
#include "base/byte_source.h"
#include "base/clock.h"
#include "base/error.h"
#include "crypto/trust_store.h"
#include "engine/lent_stream.h"
#include "engine/package_source.h"
#include "model/device_config.h"

namespace cutover {

// Packages from files and URLs, verified against the device's trust anchors.
class VerifiedPackages final : public PackageSource {
public:
    struct Options {
        ExpiredPolicy expired = ExpiredPolicy::signed_while_valid;
        std::chrono::milliseconds stall_timeout{std::chrono::seconds(30)};
        std::filesystem::path known_hosts;  // of servers that are asked over SSH
    };
    // Without trust anchors that can be read, every package is refused with that error.
    VerifiedPackages(Result<TrustStore> trust, Clock& clock, Options options)
        : trust_(std::move(trust)), clock_(clock), options_(std::move(options)) {}

    Result<std::unique_ptr<OpenedPackage>> open(const std::string& file_or_url, WallTime not_before,
                                                std::stop_token stop) override;
    Result<std::unique_ptr<OpenedPackage>> open_copying(const std::string& file_or_url,
                                                        WallTime not_before, std::stop_token stop,
                                                        const std::filesystem::path& copy) override;
    // What is left out is remembered as long as this lives; the last ones only.
    std::string hide(const std::string& file_or_url) override;
    Result<std::string> lend(std::shared_ptr<BytePipe> package) override;
    void take_back(const std::string& name) override;

private:
    std::string reveal(const std::string& name);
    std::shared_ptr<LentStream> lent(const std::string& name);

    Result<TrustStore> trust_;
    Clock& clock_;
    Options options_;
    std::mutex mutex_;                                         // guards what is below
    std::deque<std::pair<std::string, std::string>> hidden_;   // by name, the newest first
    std::map<std::string, std::shared_ptr<LentStream>> lent_;  // by name
    std::int64_t streams_ = 0;                                 // lent so far
};

}  // namespace cutover
