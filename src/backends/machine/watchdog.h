#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/unique_fd.h"

namespace cutover {

// The hardware watchdog: it restarts the machine when it was not fed for `timeout`. From open() on
// it counts; if the boot loader has armed it, open() takes it over. Destroying it, or dying, leaves
// it counting.
class Watchdog {
public:
    // watchdog.unusable when it cannot be opened, or set to that time.
    static Result<Watchdog> open(const std::filesystem::path& device,
                                 std::chrono::milliseconds timeout);

    void feed();
    Result<> disarm();  // it no longer counts (unless the kernel was built with NOWAYOUT)

    std::chrono::milliseconds timeout() const { return timeout_; }

private:
    Watchdog(UniqueFd fd, std::string name, std::chrono::milliseconds timeout)
        : fd_(std::move(fd)), name_(std::move(name)), timeout_(timeout) {}

    UniqueFd fd_;
    std::string name_;
    std::chrono::milliseconds timeout_;
};

// A thread that says over and over that all is well, as long as it is.
class Feeder {
public:
    struct Options {
        std::chrono::milliseconds interval;
        std::function<bool()> alive;
        std::function<void()> feed;     // while alive
        std::function<void()> on_hang;  // once, when that ends
    };
    explicit Feeder(Options options);
    ~Feeder() { stop(); }
    Feeder(const Feeder&) = delete;
    Feeder& operator=(const Feeder&) = delete;

    void stop();

private:
    void run(const std::stop_token& stop);

    Options options_;
    std::mutex mutex_;
    std::condition_variable_any wake_;
    std::jthread thread_;  // last: it uses all above
};

}  // namespace cutover
