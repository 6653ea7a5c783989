#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>

#include "base/byte_source.h"
#include "base/error.h"
#include "base/unique_fd.h"

namespace cutover {

// Writes what is read of another source to a file as well. That the file cannot be written keeps
// nobody from reading.
class CopiedSource final : public ByteSource {
public:
    CopiedSource(std::unique_ptr<ByteSource> source, std::filesystem::path copy);
    ~CopiedSource() override;  // removes a copy that is not whole
    CopiedSource(const CopiedSource&) = delete;
    CopiedSource& operator=(const CopiedSource&) = delete;

    Result<std::size_t> read(std::span<std::byte> buffer) override;
    std::optional<std::uint64_t> total_bytes() const override { return source_->total_bytes(); }

    Result<> end();  // durable, if the source was read to its end

private:
    std::unique_ptr<ByteSource> source_;
    std::filesystem::path copy_;
    UniqueFd fd_;
    Result<> written_;
    bool ended_ = false;
    bool whole_ = false;
};

}  // namespace cutover
