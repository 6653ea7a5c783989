#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace cutover {

// [backup]: the backups that operations make by themselves, and how long these are kept.
struct BackupConfig {
    bool automatic = true;
    bool packages = true;             // package files are kept, for backups to hold them
    bool automatic_packages = false;  // also those that operations make hold them
    std::size_t keep = 5;
    std::chrono::milliseconds max_age{std::chrono::hours(90 * 24)};
    std::uint64_t max_space = std::uint64_t{64} * 1024 * 1024;
    bool operator==(const BackupConfig&) const = default;
};

// "90d", one day to a hundred years of them.
std::optional<std::chrono::milliseconds> parse_days(std::string_view text);
// "512KiB", "64MiB", "2GiB": at least one, at most 1024 GiB.
std::optional<std::uint64_t> parse_bytes(std::string_view text);

}  // namespace cutover
