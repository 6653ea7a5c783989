#include "platform/emulated/device_files.h"

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <expected>
#include <fcntl.h>
#include <filesystem>
#include <poll.h>
#include <span>
#include <string>
#include <string_view>
#include <sys/file.h>
#include <unistd.h>

#include <fmt/core.h>

#include "base/error.h"
#include "base/files.h"
#include "base/unique_fd.h"
#include "platform/emulated/errors.h"

namespace cutover {
namespace {

constexpr std::string_view kTemplate =
    R"(# A device of cutover. Every key may be left out; what stands behind "#" is its default.
# Paths are relative to this folder. The agent reads this file when it starts.

[device]
name = "@NAME@"
# hardware = ["emulated"]     # hardware ids; the first is its own
# serial = ""
# architecture = ""           # as Debian names it; empty: this machine's

[trust]
# anchors = "trust"           # a folder of CA certificates and revocation lists
# expired = "signed-while-valid"   # or "refuse"

[policy]
# require-preview = false     # an upgrade needs a successful preview of the same plan
# unforceable = []            # checks that --force may not skip
# keep-generations = 10
# operation-timeout = "2h"
# script-timeout = "5m"
# transfer-timeout = "30s"    # without a byte

[trial]
# boots = 2                   # boots that may die before the agent is up
# deadline = "5m"             # for all checks to pass
# settle = "0s"               # after they have passed, they must pass again

# Checks of the device's own, besides those of its packages: http, tcp or exec.
# [[health]]
# name = "ssh answers"
# tcp = "127.0.0.1:22"
# timeout = "2s"
# interval = "500ms"
# retries = 10

[boot]
# backend = "emulated"

[slots]
# backend = "emulated"

[services]
# backend = "emulated"

[stages]
# scripts = "stages"          # a folder with one folder a stage
# ini = []

[evidence]
# files = []                  # kept before and after an operation, and compared
# commands = []               # likewise their output: [["ip", "route"]]

[doors.native]
# socket = "cutover.sock"
)";

constexpr std::chrono::milliseconds kLockPatience{500};  // for one that is just ending
constexpr std::chrono::milliseconds kLockPoll{20};
constexpr std::size_t kMaxLockBytes = 64;

// A basic string of TOML; control characters were refused before.
std::string escaped(std::string_view text) {
    std::string result;
    for (const char c : text) {
        if (c == '"' || c == '\\') result += '\\';
        result += c;
    }
    return result;
}

}  // namespace

std::string new_device_toml(const std::string& name) {
    std::string text(kTemplate);
    constexpr std::string_view kPlace = "@NAME@";
    return text.replace(text.find(kPlace), kPlace.size(), escaped(name));
}

Result<UniqueFd> lock_device(const std::filesystem::path& folder) {
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

}  // namespace cutover
