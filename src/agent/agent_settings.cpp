// What an Agent answers besides operations: the startup configuration, and what is sent away.

#include <array>
#include <cstddef>
#include <expected>
#include <filesystem>
#include <mutex>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "agent/agent.h"
#include "agent/debug_bundle.h"
#include "agent/errors.h"
#include "base/byte_source.h"
#include "base/error.h"
#include "base/files.h"
#include "crypto/digest.h"
#include "engine/errors.h"
#include "model/device.h"
#include "platform/startup_config.h"
#include "transfer/errors.h"
#include "transfer/source.h"
#include "transfer/upload.h"

namespace cutover {
namespace {

constexpr std::string_view kKnownHosts = "known_hosts";

// Read by whole buffers, so that its end, and with it a checksum, is seen.
Result<std::string> read_all(ByteSource& source, std::size_t max_bytes) {
    std::string content;
    std::array<std::byte, 65536> buffer{};
    for (;;) {
        const auto count = TRY(source.read(buffer));
        for (const auto byte : std::span(buffer).first(count))
            content += std::to_integer<char>(byte);
        if (content.size() > max_bytes)
            return fail(errors::startup_config_too_long, "it is longer than {} bytes", max_bytes);
        if (count < buffer.size()) return content;
    }
}

}  // namespace

Result<StartupConfigStatus> Agent::startup_config() {
    if (!extras_.startup_config)
        return fail(errors::startup_config_none, "nobody keeps a startup configuration");
    const std::lock_guard lock(startup_config_mutex_);
    return extras_.startup_config->status();
}

// Not while an operation is at work, which may be about to carry it over or to restart the device.
Result<> Agent::update_startup_config(const std::string& url) {
    if (!extras_.startup_config)
        return fail(errors::startup_config_none, "nobody keeps a startup configuration");
    const std::unique_lock one_at_a_time(startup_config_update_, std::try_to_lock);
    if (!one_at_a_time.owns_lock())
        return fail(errors::operation_busy, "the startup configuration is being replaced");
    {
        std::unique_lock lock(mutex_);
        let_come_up(lock);
        if (ended_) return fail(errors::agent_ending, "the agent ends");
        if (started_ != 0 || state_->current)
            return fail(errors::operation_busy, "an operation is at work");
    }
    const auto name = source_name(url);
    if (name.starts_with('/'))
        return fail(errors::transfer_bad_source, "the startup configuration is named by a URL");
    const auto source = TRY(open_source(url, {.stall_timeout = ports_.config.transfer_timeout,
                                              .known_hosts = ports_.folder / kKnownHosts,
                                              .stop = settings_stop_.get_token()}));
    const auto content = TRY(read_all(*source, kMaxStartupConfigBytes));
    constexpr std::size_t kDigits = 12;
    const StartupConfigStatus about{
        .source = name,
        .version = "sha256:" + to_hex(sha256(std::string_view(content))).substr(0, kDigits),
        .stored = ports_.clock.wall()};
    const std::lock_guard lock(startup_config_mutex_);
    // Where YANG modules describe it, it keeps their rules; else it is whatever its reader knows.
    if (ports_.configuration)
        if (const auto set = ports_.configuration->set_startup(content, name);
            !set && set.error().kind != Errc::unsupported)
            return std::unexpected(set.error());
    TRY(extras_.startup_config->store(content, about));
    ports_.log.info("startup configuration replaced",
                    {{"source", about.source}, {"version", about.version}});
    return {};
}

Result<> Agent::upload_debug_info(const std::string& url, const UploadProgress& progress,
                                  std::stop_token stop) {
    const std::unique_lock one_at_a_time(upload_, std::try_to_lock);
    if (!one_at_a_time.owns_lock())
        return fail(errors::operation_busy, "debug information is being uploaded");
    TRY(make_folders(ports_.folder / "tmp"));
    const auto folder = TRY(TempFolder::create(ports_.folder / "tmp", "debug"));
    const auto archive = folder.path() / "debug.tar";
    TRY(write_debug_bundle(ports_.folder, archive));
    const auto sent = upload(archive, url,
                             {.stall_timeout = ports_.config.transfer_timeout,
                              .known_hosts = ports_.folder / kKnownHosts,
                              .stop = std::move(stop),
                              .on_progress = progress});
    if (!sent) return std::unexpected(sent.error());
    ports_.log.info("debug information uploaded", {{"to", source_name(url)}});
    return {};
}

}  // namespace cutover
