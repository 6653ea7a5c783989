#include "engine/watched_source.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "base/byte_source.h"
#include "base/error.h"
#include "engine/errors.h"

namespace cutover {
namespace {

constexpr std::chrono::milliseconds kProgressInterval{200};

}  // namespace

WatchedSource::WatchedSource(ByteSource& source, Watch watch)
    : source_(source), watch_(std::move(watch)), begun_(watch_.clock.steady()) {}

Result<std::size_t> WatchedSource::read(std::span<std::byte> buffer) {
    if (watch_.stop.stop_requested())
        return fail(errors::operation_cancelled, "writing was stopped");
    const auto now = watch_.clock.steady();
    if (now > watch_.deadline)
        return fail(errors::operation_timeout, "the operation's time was over while writing");
    const auto got = TRY(source_.read(buffer));
    done_ += got;
    if (now - reported_ >= kProgressInterval || got == 0) {
        reported_ = now;
        const auto elapsed = std::chrono::duration<double>(now - begun_).count();
        watch_.report(done_, elapsed > 0
                                 ? static_cast<std::uint64_t>(static_cast<double>(done_) / elapsed)
                                 : 0);
    }
    return got;
}

}  // namespace cutover
