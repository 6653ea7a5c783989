#include "engine/verified_packages.h"

#include <algorithm>
#include <cstddef>
#include <expected>
#include <filesystem>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/byte_pipe.h"
#include "base/byte_source.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "crypto/digest.h"
#include "crypto/trust_store.h"
#include "engine/copied_source.h"
#include "engine/lent_stream.h"
#include "engine/package_source.h"
#include "model/manifest.h"
#include "model/package_kind.h"
#include "package/package_reader.h"
#include "package/tree.h"
#include "platform/layers.h"
#include "transfer/errors.h"
#include "transfer/source.h"

namespace cutover {
namespace {

constexpr mode_t kHookMode = 0700;
constexpr std::string_view kStream = "stream://";  // as a URL, which is not read without need

class VerifiedPackage final : public OpenedPackage {
public:
    VerifiedPackage(std::unique_ptr<ByteSource> source, PackageReader reader,
                    std::shared_ptr<LentStream> lent, CopiedSource* copied)
        : source_(std::move(source)),
          copied_(copied),
          lent_(std::move(lent)),
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
    Result<std::vector<LayerOutline::Entry>> entries() override {
        std::vector<LayerOutline::Entry> entries;
        if (manifest().payload.type != PayloadType::tree) return entries;
        const auto content = take_content();
        TRY(check_tree(*content, {.installed_bytes = manifest().payload.installed_bytes,
                                  .on_progress = {},
                                  .on_entry = [&](const std::string& path, bool is_folder) {
                                      entries.push_back({.path = path, .is_folder = is_folder});
                                      return Result<>();
                                  }}));
        return entries;
    }
    Result<std::unique_ptr<ByteSource>> content() override { return take_content(); }
    Result<> end_copy() override { return copied_ ? copied_->end() : OpenedPackage::end_copy(); }

private:
    std::unique_ptr<ByteSource> take_content() {
        if (lent_) lent_->keep_no_more();
        return reader_.content();
    }

    std::unique_ptr<ByteSource> source_;  // outlives the reader
    CopiedSource* copied_;                // the same, where a copy is made
    std::shared_ptr<LentStream> lent_;    // null when it is no stream
    PackageReader reader_;
    std::string digest_;
};

}  // namespace

Result<std::unique_ptr<OpenedPackage>> VerifiedPackages::open(const std::string& file_or_url,
                                                              WallTime not_before,
                                                              std::stop_token stop) {
    return open_copying(file_or_url, not_before, std::move(stop), {});
}

Result<std::unique_ptr<OpenedPackage>> VerifiedPackages::open_copying(
    const std::string& file_or_url, WallTime not_before, std::stop_token stop,
    const std::filesystem::path& copy) {
    if (!trust_) return std::unexpected(trust_.error());
    const auto stream = lent(file_or_url);
    if (!stream && file_or_url.starts_with(kStream))
        return fail(errors::transfer_broken, "the stream has ended");
    auto source =
        TRY(stream ? stream->open(options_.stall_timeout, std::move(stop))
                   : open_source(reveal(file_or_url), {.stall_timeout = options_.stall_timeout,
                                                       .known_hosts = options_.known_hosts,
                                                       .stop = std::move(stop)}));
    CopiedSource* copied = nullptr;
    if (!copy.empty()) {
        auto copying = std::make_unique<CopiedSource>(std::move(source), copy);
        copied = copying.get();
        source = std::move(copying);
    }
    auto reader = TRY(PackageReader::open(*source, *trust_,
                                          {.now = std::max(clock_.wall(), not_before),
                                           .expired = options_.expired}),
                      "open package {}", source_name(file_or_url));
    return std::make_unique<VerifiedPackage>(std::move(source), std::move(reader), stream, copied);
}

std::string VerifiedPackages::hide(const std::string& file_or_url) {
    constexpr std::size_t kRemembered = 64;
    auto name = source_name(file_or_url);
    const std::lock_guard lock(mutex_);
    const auto known =
        std::ranges::find(hidden_, name, &std::pair<std::string, std::string>::first);
    if (known != hidden_.end()) hidden_.erase(known);
    if (name == file_or_url) return name;
    hidden_.emplace_front(name, file_or_url);
    if (hidden_.size() > kRemembered) hidden_.pop_back();
    return name;
}

Result<std::string> VerifiedPackages::lend(std::shared_ptr<BytePipe> package) {
    const std::lock_guard lock(mutex_);
    auto name = fmt::format("{}{}", kStream, ++streams_);
    lent_.emplace(name, std::make_shared<LentStream>(std::move(package)));
    return name;
}

void VerifiedPackages::take_back(const std::string& name) {
    const std::lock_guard lock(mutex_);
    const auto found = lent_.find(name);
    if (found == lent_.end()) return;
    found->second->take_back();
    lent_.erase(found);
}

std::shared_ptr<LentStream> VerifiedPackages::lent(const std::string& name) {
    const std::lock_guard lock(mutex_);
    const auto found = lent_.find(name);
    return found == lent_.end() ? nullptr : found->second;
}

std::string VerifiedPackages::reveal(const std::string& name) {
    const std::lock_guard lock(mutex_);
    for (const auto& [shown, file_or_url] : hidden_)
        if (shown == name) return file_or_url;
    return name;
}

}  // namespace cutover
