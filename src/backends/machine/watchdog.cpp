#include "backends/machine/watchdog.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <filesystem>
#include <linux/watchdog.h>
#include <mutex>
#include <stop_token>
#include <sys/ioctl.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include "backends/machine/errors.h"
#include "base/error.h"
#include "base/files.h"
#include "base/unique_fd.h"

namespace cutover {
namespace {

bool write_byte(int fd, char byte) {
    for (;;) {
        const auto written = ::write(fd, &byte, 1);
        if (written == 1) return true;
        if (written < 0 && errno == EINTR) continue;
        return false;
    }
}

constexpr char kFood = '\0';  // anything but the next one
constexpr char kMagic = 'V';  // "the next close is meant"

}  // namespace

Result<Watchdog> Watchdog::open(const std::filesystem::path& device,
                                std::chrono::milliseconds timeout) {
    auto fd = open_file(device, O_WRONLY);
    if (!fd) return fail(errors::watchdog_unusable, "{}", fd.error().text());
    auto seconds =
        std::max(1, static_cast<int>(std::chrono::ceil<std::chrono::seconds>(timeout).count()));
    // A driver may round the time, and tells which one it took. One that can set none keeps its
    // own.
    if (::ioctl(fd->get(), WDIOC_SETTIMEOUT, &seconds) != 0) {
        if (errno == EINVAL)
            return fail(errors::watchdog_unusable, "{} cannot wait {} s", device.string(), seconds);
        if (::ioctl(fd->get(), WDIOC_GETTIMEOUT, &seconds) != 0) errno = 0;
    }
    Watchdog watchdog(std::move(*fd), device.string(), std::chrono::seconds(seconds));
    watchdog.feed();
    return watchdog;
}

void Watchdog::feed() {
    // One that cannot be fed restarts the machine, which is what it is for.
    (void)write_byte(fd_.get(), kFood);
}

Result<> Watchdog::disarm() {
    if (!write_byte(fd_.get(), kMagic))
        return fail(errors::watchdog_unusable, "{} cannot be disarmed", name_);
    fd_.reset();
    return {};
}

Feeder::Feeder(Options options)
    : options_(std::move(options)), thread_([this](const std::stop_token& stop) { run(stop); }) {}

void Feeder::stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
}

void Feeder::run(const std::stop_token& stop) {
    bool was_alive = true;
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
        const bool alive = options_.alive();
        if (alive) options_.feed();
        if (was_alive && !alive && options_.on_hang) options_.on_hang();
        was_alive = alive;
        wake_.wait_for(lock, stop, options_.interval, [] { return false; });
    }
}

}  // namespace cutover
