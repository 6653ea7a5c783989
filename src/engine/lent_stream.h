#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

#include "base/byte_pipe.h"
#include "base/byte_source.h"
#include "base/error.h"

namespace cutover {

// A package that comes as a stream, and only once. It can be opened again and again, as an
// operation does, until its payload is asked for: what comes before that is kept.
class LentStream : public std::enable_shared_from_this<LentStream> {
public:
    explicit LentStream(std::shared_ptr<BytePipe> pipe) : pipe_(std::move(pipe)) {}
    ~LentStream() { pipe_->close(); }
    LentStream(const LentStream&) = delete;
    LentStream& operator=(const LentStream&) = delete;

    // From its first byte; transfer.broken when what came first is no longer there.
    Result<std::unique_ptr<ByteSource>> open(std::chrono::milliseconds stall_timeout,
                                             std::stop_token stop);
    void keep_no_more() { keeps_ = false; }
    void take_back() { pipe_->close(); }  // whoever writes to it is told that nobody reads

private:
    class View;
    Result<std::size_t> read(std::size_t at, std::span<std::byte> buffer,
                             std::chrono::milliseconds stall_timeout, const std::stop_token& stop);

    std::shared_ptr<BytePipe> pipe_;
    std::vector<std::byte> head_;
    std::size_t taken_ = 0;  // from the pipe
    bool keeps_ = true;
};

}  // namespace cutover
