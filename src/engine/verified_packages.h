#pragma once

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "crypto/trust_store.h"
#include "engine/package_source.h"
#include "model/device_config.h"

namespace cutover {

// Packages from files and URLs, verified against the device's trust anchors.
class VerifiedPackages final : public PackageSource {
public:
    struct Options {
        ExpiredPolicy expired = ExpiredPolicy::signed_while_valid;
        std::chrono::milliseconds stall_timeout{std::chrono::seconds(30)};
    };
    // Without trust anchors that can be read, every package is refused with that error.
    VerifiedPackages(Result<TrustStore> trust, Clock& clock, Options options)
        : trust_(std::move(trust)), clock_(clock), options_(options) {}

    Result<std::unique_ptr<OpenedPackage>> open(const std::string& file_or_url, WallTime not_before,
                                                std::stop_token stop) override;

private:
    Result<TrustStore> trust_;
    Clock& clock_;
    Options options_;
};

}  // namespace cutover
