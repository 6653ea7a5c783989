#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/error.h"

namespace cutover {

// Bytes in order, from anywhere.
class ByteSource {
public:
    virtual ~ByteSource() = default;
    // Fills all of `buffer` unless the end comes before; returns how many bytes were read, 0 at the
    // end. After an error the source is of no more use.
    virtual Result<std::size_t> read(std::span<std::byte> buffer) = 0;
    // From its first byte to its end, where that is known before the end is reached.
    virtual std::optional<std::uint64_t> total_bytes() const { return std::nullopt; }
};

}  // namespace cutover
