#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>

#include "base/byte_source.h"
#include "base/clock.h"
#include "base/error.h"

namespace cutover {

// Passes content on, tells how far it has come, and ends when the operation does.
class WatchedSource final : public ByteSource {
public:
    struct Watch {
        Clock& clock;
        std::stop_token stop;
        SteadyTime deadline;
        std::function<void(std::uint64_t done, std::uint64_t per_second)> report;
    };
    WatchedSource(ByteSource& source, Watch watch);

    Result<std::size_t> read(std::span<std::byte> buffer) override;
    std::uint64_t done() const { return done_; }

private:
    ByteSource& source_;
    Watch watch_;
    SteadyTime begun_;
    SteadyTime reported_{};
    std::uint64_t done_ = 0;
};

}  // namespace cutover
