#include "base/byte_pipe.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <expected>
#include <mutex>
#include <span>
#include <stop_token>
#include <utility>

#include "base/error.h"

namespace cutover {

bool BytePipe::write(std::span<const std::byte> bytes) {
    std::unique_lock lock(mutex_);
    while (!bytes.empty()) {
        changed_.wait(lock, [&] { return size_ < ring_.size() || closed_ || given_up_; });
        if (closed_ || given_up_) return false;
        const auto end = (begin_ + size_) % ring_.size();
        const auto room = std::min(ring_.size() - size_, ring_.size() - end);
        const auto part = bytes.first(std::min(room, bytes.size()));
        std::ranges::copy(part, ring_.begin() + static_cast<std::ptrdiff_t>(end));
        size_ += part.size();
        bytes = bytes.subspan(part.size());
        changed_.notify_all();
    }
    return !closed_ && !given_up_;
}

void BytePipe::finish() {
    const std::lock_guard lock(mutex_);
    finished_ = true;
    changed_.notify_all();
}

void BytePipe::give_up(Error error) {
    const std::lock_guard lock(mutex_);
    if (!finished_ && !given_up_) given_up_ = std::move(error);
    changed_.notify_all();
}

// With mutex_ held: what is there in one piece, and fits.
std::size_t BytePipe::take(std::span<std::byte> buffer) {
    const auto count = std::min({size_, ring_.size() - begin_, buffer.size()});
    std::ranges::copy(std::span(ring_).subspan(begin_, count), buffer.begin());
    begin_ = (begin_ + count) % ring_.size();
    size_ -= count;
    return count;
}

Result<std::size_t> BytePipe::read(std::span<std::byte> buffer, std::chrono::milliseconds patience,
                                   const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    std::size_t got = 0;
    while (got < buffer.size()) {
        const bool moved = changed_.wait_for(
            lock, stop, patience, [&] { return size_ > 0 || finished_ || given_up_ || closed_; });
        if (stop.stop_requested()) return fail(Errc::cancelled, "reading the stream was stopped");
        if (!moved)
            return fail(Errc::timeout, "not a byte of the stream came for {} ms", patience.count());
        if (given_up_) return std::unexpected(*given_up_);
        if (closed_) return fail(Errc::cancelled, "the stream was closed");
        if (size_ == 0) break;  // finished
        got += take(buffer.subspan(got));
        changed_.notify_all();
    }
    return got;
}

void BytePipe::close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
}

bool BytePipe::is_closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
}

bool BytePipe::wait_until_closed(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    return changed_.wait(lock, stop, [&] { return closed_; });
}

}  // namespace cutover
