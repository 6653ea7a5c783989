#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string>

#include "base/byte_source.h"
#include "base/error.h"

namespace cutover {

inline constexpr std::size_t kBlockBytes = std::size_t{1024} * 1024;

// Memory of one block, aligned as O_DIRECT asks for.
class AlignedBlock {
public:
    AlignedBlock() : memory_(new(kAlignment) std::byte[kBlockBytes]) {}
    std::span<std::byte> all() { return {memory_.get(), kBlockBytes}; }

private:
    static constexpr std::align_val_t kAlignment{4096};  // at most
    struct Delete {
        void operator()(std::byte* memory) const { ::operator delete[](memory, kAlignment); }
    };
    std::unique_ptr<std::byte[], Delete> memory_;  // NOLINT(modernize-avoid-c-arrays)
};

struct BlockTarget {
    int fd = -1;       // open for writing, best with O_DIRECT
    std::string name;  // for messages
    // What it holds reads as zeros, so blocks of zeros are not written.
    bool is_zero = false;
    // The first block is written after all others have reached the disk: what was cut on the way
    // has no superblock, and nobody takes it for a file system.
    bool head_last = false;
};

// Writes exactly `size_bytes` bytes of `content` to the beginning of a file or a block device
// (slot.wrong_content when it has fewer or more), and makes them durable. One thread reads while
// another writes, past the page cache where the file system lets us, so that the slower of the two
// sets the pace; memory stays at a few blocks. What the page cache had of it is dropped.
Result<> write_blocks(const BlockTarget& target, std::uint64_t size_bytes, ByteSource& content);

// Turns O_DIRECT off; true when it was on.
bool set_buffered(int fd);

}  // namespace cutover
