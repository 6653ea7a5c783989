#include "platform/device_folder.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <fcntl.h>
#include <filesystem>
#include <poll.h>
#include <span>
#include <string>
#include <string_view>
#include <sys/file.h>
#include <sys/random.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <fmt/core.h>
#include <fmt/format.h>

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

constexpr std::size_t kMaxUuidFile = 64;
constexpr std::string_view kUuidShape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

bool is_uuid(std::string_view text) {
    return std::ranges::equal(text, kUuidShape, [](char found, char shape) {
        return shape == '-' ? found == '-' : std::isxdigit(static_cast<unsigned char>(found)) != 0;
    });
}

// RFC 4122, version 4.
Result<std::string> random_uuid() {
    std::array<std::uint8_t, 16> bytes{};
    if (::getrandom(bytes.data(), bytes.size(), 0) != std::ssize(bytes))
        return std::unexpected(errno_error(errno, "make a UUID"));
    bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0FU) | 0x40U);
    bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3FU) | 0x80U);
    std::string text;
    for (const auto byte : bytes) {
        text += fmt::format("{:02x}", byte);
        if (kUuidShape[text.size() % kUuidShape.size()] == '-') text += '-';
    }
    return text;
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

Result<std::string> device_uuid(const std::filesystem::path& folder) {
    const auto file = folder / "uuid";
    auto text = read_file(file, kMaxUuidFile);
    if (text) {
        while (text->ends_with('\n')) text->pop_back();
        if (is_uuid(*text)) return text;
        return fail(errors::device_bad_uuid, "{} holds no UUID", file.string());
    }
    if (text.error().kind != Errc::not_found) return text;
    auto made = TRY(random_uuid());
    TRY(write_file_durably(file, made + "\n", 0644));
    return made;
}

}  // namespace cutover
