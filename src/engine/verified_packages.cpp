#include "engine/verified_packages.h"

#include <algorithm>
#include <expected>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>

#include "base/byte_source.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "crypto/digest.h"
#include "crypto/trust_store.h"
#include "engine/package_source.h"
#include "model/manifest.h"
#include "package/package_reader.h"
#include "transfer/source.h"

namespace cutover {
namespace {

constexpr mode_t kHookMode = 0700;

class VerifiedPackage final : public OpenedPackage {
public:
    VerifiedPackage(std::unique_ptr<ByteSource> source, PackageReader reader)
        : source_(std::move(source)),
          reader_(std::move(reader)),
          digest_(to_hex(reader_.manifest_digest())) {}

    const Manifest& manifest() const override { return reader_.manifest(); }
    const std::string& digest() const override { return digest_; }
    WallTime signed_at() const override {
        const auto& signer = reader_.signer();
        return signer ? signer->signing_time : WallTime{};
    }
    Result<> unpack_hooks(const std::filesystem::path& folder) override {
        for (const auto& hook : reader_.hooks()) {  // their names were checked with the manifest
            const auto file = folder / hook.name;
            TRY(make_folders(file.parent_path()));
            TRY(write_file_durably(file, hook.content, kHookMode));
        }
        return {};
    }
    Result<std::unique_ptr<ByteSource>> content() override { return reader_.content(); }

private:
    std::unique_ptr<ByteSource> source_;  // outlives the reader
    PackageReader reader_;
    std::string digest_;
};

}  // namespace

Result<std::unique_ptr<OpenedPackage>> VerifiedPackages::open(const std::string& file_or_url,
                                                              WallTime not_before,
                                                              std::stop_token stop) {
    if (!trust_) return std::unexpected(trust_.error());
    auto source = TRY(open_source(
        file_or_url, {.stall_timeout = options_.stall_timeout, .stop = std::move(stop)}));
    auto reader = TRY(PackageReader::open(*source, *trust_,
                                          {.now = std::max(clock_.wall(), not_before),
                                           .expired = options_.expired}),
                      "open package {}", source_name(file_or_url));
    return std::make_unique<VerifiedPackage>(std::move(source), std::move(reader));
}

}  // namespace cutover
