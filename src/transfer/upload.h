#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>

#include "base/error.h"

namespace cutover {

struct UploadOptions {
    std::chrono::milliseconds connect_timeout{std::chrono::seconds(10)};
    std::chrono::milliseconds stall_timeout{std::chrono::seconds(30)};  // without a byte
    std::filesystem::path known_hosts;  // of servers that are asked over SSH
    std::stop_token stop;
    std::function<void(std::uint64_t sent, std::uint64_t total)> on_progress;
};

// Puts a file to an http(s), sftp or scp URL that names the file to be.
Result<> upload(const std::filesystem::path& file, const std::string& url,
                const UploadOptions& options);

}  // namespace cutover
