#include "transfer/checked_source.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/byte_source.h"
#include "base/error.h"
#include "crypto/digest.h"
#include "transfer/errors.h"

namespace cutover {
namespace {

constexpr std::string_view kMark = "#sha256=";

class CheckedSource final : public ByteSource {
public:
    CheckedSource(std::unique_ptr<ByteSource> inner, const Digest& expected, std::string name)
        : inner_(std::move(inner)), expected_(expected), name_(std::move(name)) {}

    Result<std::size_t> read(std::span<std::byte> buffer) override {
        const auto count = TRY(inner_->read(buffer));
        hash_.update(buffer.first(count));
        bytes_ += count;
        const bool end = count < buffer.size() || bytes_ == inner_->total_bytes();
        if (!end || std::exchange(ended_, true)) return count;
        if (const auto found = hash_.finish(); found != expected_)
            return fail(errors::transfer_wrong_checksum, "{}: the SHA-256 of its {} bytes is {}",
                        name_, bytes_, to_hex(found));
        return count;
    }
    std::optional<std::uint64_t> total_bytes() const override { return inner_->total_bytes(); }

private:
    std::unique_ptr<ByteSource> inner_;
    Digest expected_;
    std::string name_;
    Sha256 hash_;
    std::uint64_t bytes_ = 0;
    bool ended_ = false;
};

}  // namespace

Result<PinnedUrl> split_checksum(const std::string& file_or_url) {
    const auto mark = file_or_url.rfind(kMark);
    if (!file_or_url.contains("://") || mark == std::string::npos)
        return PinnedUrl{.url = file_or_url, .digest = std::nullopt};
    const auto digest = digest_from_hex(std::string_view(file_or_url).substr(mark + kMark.size()));
    if (!digest)
        return fail(errors::transfer_bad_checksum, "what follows #sha256= is no SHA-256 digest");
    return PinnedUrl{.url = file_or_url.substr(0, mark), .digest = *digest};
}

std::unique_ptr<ByteSource> checked_source(std::unique_ptr<ByteSource> inner,
                                           const Digest& expected, std::string name) {
    return std::make_unique<CheckedSource>(std::move(inner), expected, std::move(name));
}

}  // namespace cutover
