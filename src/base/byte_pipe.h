#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "base/error.h"

namespace cutover {

// Bytes from one thread to another. Who writes waits for who reads, so that no more of them are
// held than the pipe has room for. Both sides may end it at any time.
class BytePipe {
public:
    static constexpr std::size_t kCapacity = std::size_t{1024} * 1024;
    explicit BytePipe(std::size_t capacity = kCapacity) : ring_(capacity) {}

    // ---- of who writes

    // Waits while the pipe is full. False when nobody reads any more, or it was given up.
    bool write(std::span<const std::byte> bytes);
    void finish();              // that was all
    void give_up(Error error);  // there is no more: reading fails with this

    // ---- of who reads

    // Fills all of `buffer` unless the end comes before. Fails when not a byte comes for
    // `patience` (timeout), when `stop` is requested (cancelled), and as give_up() says.
    Result<std::size_t> read(std::span<std::byte> buffer, std::chrono::milliseconds patience,
                             const std::stop_token& stop);
    void close();  // nobody reads any more

    bool is_closed() const;
    // False when `stop` was requested before that.
    bool wait_until_closed(const std::stop_token& stop);

private:
    std::size_t take(std::span<std::byte> buffer);

    mutable std::mutex mutex_;  // guards all below
    std::condition_variable_any changed_;
    std::vector<std::byte> ring_;
    std::size_t begin_ = 0;
    std::size_t size_ = 0;
    bool finished_ = false;
    bool closed_ = false;
    std::optional<Error> given_up_;
};

}  // namespace cutover
