#pragma once

// What tests put into slots.

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "base/byte_source.h"
#include "base/error.h"
#include "model/manifest.h"

namespace cutover {

// Bytes in memory, which may break off with an error.
class TextSource final : public ByteSource {
public:
    explicit TextSource(std::string text, std::optional<std::size_t> fail_at = std::nullopt)
        : text_(std::move(text)), fail_at_(fail_at) {}

    Result<std::size_t> read(std::span<std::byte> buffer) override {
        const auto count = std::min(buffer.size(), text_.size() - at_);
        if (fail_at_ && at_ + count > *fail_at_) return fail(Errc::io, "the source broke");
        std::memcpy(buffer.data(), text_.data() + at_, count);
        at_ += count;
        return count;
    }

private:
    std::string text_;
    std::optional<std::size_t> fail_at_;
    std::size_t at_ = 0;
};

struct SlotPackage {
    Manifest manifest;
    std::string content;
};

}  // namespace cutover
