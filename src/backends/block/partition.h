#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/unique_fd.h"
#include "crypto/digest.h"

namespace cutover {

// A slot's partition, or a plain file that stands for one. It can only be read.
class Partition {
public:
    explicit Partition(std::filesystem::path path) : path_(std::move(path)) {}

    const std::filesystem::path& path() const { return path_; }
    Result<std::uint64_t> size_bytes() const;  // slot.no_partition

    Result<> read_at(std::uint64_t offset, std::span<std::byte> buffer) const;

    // Hands on the first `size_bytes` bytes in order, as the disk has them and not the page cache.
    Result<> read_from_disk(std::uint64_t size_bytes,
                            const std::function<Result<>(std::span<const std::byte>)>& sink) const;

private:
    std::filesystem::path path_;
};

// The only thing that opens a slot for writing. Who wants the running slot to stay as it is makes
// none for it.
class WritablePartition {
public:
    // `never` is the other slot, with which this one must have nothing in common.
    WritablePartition(std::filesystem::path path, std::filesystem::path never)
        : path_(std::move(path)), never_(std::move(never)) {}

    // slot.one_partition when both are the same device or file, slot.mounted when it is in use.
    Result<UniqueFd> open() const;
    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
    std::filesystem::path never_;
};

}  // namespace cutover
