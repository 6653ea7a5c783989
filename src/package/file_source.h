#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/byte_source.h"
#include "base/error.h"
#include "base/unique_fd.h"

namespace cutover {

// The bytes of a file or pipe, from front to back.
class FileSource final : public ByteSource {
public:
    static Result<FileSource> open(const std::filesystem::path& path);
    FileSource(UniqueFd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}

    Result<std::size_t> read(std::span<std::byte> buffer) override;
    int fd() const { return fd_.get(); }

private:
    UniqueFd fd_;
    std::string name_;
};

// The bytes of a text in memory, which must outlive it.
class MemorySource final : public ByteSource {
public:
    explicit MemorySource(std::span<const std::byte> bytes) : bytes_(bytes) {}
    explicit MemorySource(std::string_view text) : bytes_(std::as_bytes(std::span(text))) {}

    Result<std::size_t> read(std::span<std::byte> buffer) override;

private:
    std::span<const std::byte> bytes_;
};

}  // namespace cutover
