#include "platform/device_folder.h"

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <expected>
#include <fcntl.h>
#include <filesystem>
#include <poll.h>
#include <span>
#include <string>
#include <sys/file.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <fmt/core.h>

#include "base/error.h"
#include "base/files.h"
#include "base/unique_fd.h"
#include "model/device_config.h"
#include "platform/errors.h"

namespace cutover {
namespace {

constexpr std::chrono::milliseconds kLockPatience{500};  // for one that is just ending
constexpr std::chrono::milliseconds kLockPoll{20};
constexpr std::size_t kMaxLockBytes = 64;

constexpr std::size_t kMaxConfigFile = std::size_t{256} * 1024;

Result<UniqueFd> lock_folder(const std::filesystem::path& folder) {
    const auto path = folder / "lock";
    auto fd = TRY(open_file(path, O_RDWR | O_CREAT, 0644));
    const auto deadline = std::chrono::steady_clock::now() + kLockPatience;
    while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EINTR) continue;
        if (errno != EWOULDBLOCK)
            return std::unexpected(errno_error(errno, fmt::format("lock {}", path.string())));
        if (std::chrono::steady_clock::now() >= deadline) {
            auto holder = read_file(path, kMaxLockBytes).value_or("");
            while (!holder.empty() && holder.back() == '\n') holder.pop_back();
            return fail(errors::device_in_use, "{} is used by process {}", folder.string(),
                        holder.empty() ? "?" : holder);
        }
        ::poll(nullptr, 0, static_cast<int>(kLockPoll.count()));
    }
    const auto pid = fmt::format("{}\n", ::getpid());
    if (::ftruncate(fd.get(), 0) != 0)
        return std::unexpected(errno_error(errno, fmt::format("write {}", path.string())));
    TRY(write_all(fd.get(), std::as_bytes(std::span(pid)), path.string()));
    return fd;
}

}  // namespace

Result<DeviceConfig> read_device_config(const std::filesystem::path& folder) {
    std::error_code error;
    if (!std::filesystem::exists(folder / "device.toml", error))
        return fail(errors::device_not_found, "{} holds no device", folder.string());
    const auto toml = TRY(read_file(folder / "device.toml", kMaxConfigFile));
    return TRY(parse_device_config(toml), "{}", (folder / "device.toml").string());
}

Result<DeviceFolder> DeviceFolder::open(const std::filesystem::path& folder) {
    std::error_code error;
    const auto real = std::filesystem::canonical(folder, error);
    if (error) return fail(errors::device_not_found, "{} holds no device", folder.string());
    if (!std::filesystem::exists(real / "device.toml", error))
        return fail(errors::device_not_found, "{} holds no device", folder.string());
    auto held = TRY(lock_folder(real));
    auto config = TRY(read_device_config(real));
    return DeviceFolder{.path = real, .config = std::move(config), .lock = std::move(held)};
}

}  // namespace cutover
