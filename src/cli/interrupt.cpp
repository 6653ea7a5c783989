#include "cli/interrupt.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <memory>
#include <signal.h>  // sigaction(2) is not of the C++ library
#include <stop_token>
#include <thread>
#include <unistd.h>
#include <utility>

#include "base/unique_fd.h"

namespace cutover::cli {
namespace {

// A signal handler reaches nothing but globals.
std::atomic<int> signal_pipe{-1};
static_assert(std::atomic<int>::is_always_lock_free);

void on_signal(int /*signal*/) {
    const int saved = errno;
    const int fd = signal_pipe;
    if (fd >= 0) [[maybe_unused]]
        const auto written = ::write(fd, "!", 1);
    errno = saved;
}

class Interrupts {
public:
    explicit Interrupts(std::stop_source stop) : stop_(std::move(stop)) {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) return;  // Ctrl-C then ends us, as ever
        read_.reset(ends[0]);
        write_.reset(ends[1]);
        signal_pipe = write_.get();
        thread_ = std::jthread([this] { wait(); });
        struct sigaction action{};
        action.sa_handler = on_signal;
        // Once: the second Ctrl-C finds the default again and ends the process.
        action.sa_flags = static_cast<int>(SA_RESTART | SA_RESETHAND);
        ::sigaction(SIGINT, &action, &old_interrupt_);
        ::sigaction(SIGTERM, &action, &old_terminate_);
    }
    ~Interrupts() {
        if (!write_) return;
        ::sigaction(SIGINT, &old_interrupt_, nullptr);
        ::sigaction(SIGTERM, &old_terminate_, nullptr);
        signal_pipe = -1;
        write_.reset();  // ends wait()
    }
    Interrupts(const Interrupts&) = delete;
    Interrupts& operator=(const Interrupts&) = delete;

private:
    void wait() {
        char byte = 0;
        if (::read(read_.get(), &byte, 1) == 1) stop_.request_stop();
    }

    std::stop_source stop_;
    UniqueFd read_;
    UniqueFd write_;
    struct sigaction old_interrupt_{};
    struct sigaction old_terminate_{};
    std::jthread thread_;  // last: it ends first
};

}  // namespace

std::shared_ptr<void> watch_interrupts(std::stop_source stop) {
    return std::make_shared<Interrupts>(std::move(stop));
}

}  // namespace cutover::cli
