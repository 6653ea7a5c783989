#include "package/tar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/core.h>

#include "base/byte_source.h"
#include "base/error.h"
#include "package/errors.h"
#include "package/self_extractor.h"

namespace cutover::tar {
namespace {

// Offsets in a header, POSIX.1-1988.
constexpr std::size_t kNameSize = 100;
constexpr std::size_t kSizeAt = 124;
constexpr std::size_t kChecksumAt = 148;
constexpr std::size_t kTypeAt = 156;
constexpr std::size_t kMagicAt = 257;
constexpr std::string_view kMagic{"ustar\00000", 8};
constexpr std::string_view kPaxName = "pax";
constexpr char kPlain = '0';
constexpr char kPax = 'x';

std::string plain_header(std::string_view name, std::uint64_t size, char type) {
    std::string block(kBlock, '\0');
    const auto put = [&](std::size_t at, std::string_view text) {
        std::ranges::copy(text, block.begin() + static_cast<std::ptrdiff_t>(at));
    };
    put(0, name.substr(0, kNameSize));
    put(100, "0000644");
    put(108, "0000000");
    put(116, "0000000");
    put(kSizeAt, fmt::format("{:011o}", size));
    put(136, "00000000000");
    put(kChecksumAt, "        ");
    put(kTypeAt, std::string_view(&type, 1));
    put(kMagicAt, kMagic);
    put(329, "0000000");
    put(337, "0000000");
    const auto sum = std::accumulate(block.begin(), block.end(), 0U, [](unsigned total, char c) {
        return total + static_cast<unsigned char>(c);
    });
    put(kChecksumAt, fmt::format("{:06o}", sum));
    block[kChecksumAt + 6] = '\0';
    return block;
}

// "NN size=SIZE\n", where NN counts itself: two digits for any size that needs the record.
std::string pax_record(std::uint64_t size) {
    const auto rest = fmt::format(" size={}\n", size);
    return fmt::format("{}{}", rest.size() + 2, rest);
}

std::string padded(std::string text) {
    text.resize(text.size() + padding(text.size()), '\0');
    return text;
}

std::optional<std::uint64_t> parse_number(std::string_view digits, int base) {
    std::uint64_t value = 0;
    const auto* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value, base);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return value;
}

std::string_view until_nul(std::string_view text) { return text.substr(0, text.find('\0')); }

bool all_zero(std::string_view text) {
    return text.find_first_not_of('\0') == std::string_view::npos;
}

std::unexpected<Error> not_canonical(std::uint64_t position) {
    return fail(errors::package_not_canonical, "the tar header before byte {} is unusual",
                position);
}

std::span<std::byte> bytes_of(std::string& text) { return std::as_writable_bytes(std::span(text)); }

}  // namespace

std::size_t padding(std::uint64_t size) {
    return static_cast<std::size_t>((kBlock - (size % kBlock)) % kBlock);
}

std::string header(std::string_view name, std::uint64_t size) {
    if (size <= kLargestPlain) return plain_header(name, size, kPlain);
    const auto record = pax_record(size);
    return plain_header(kPaxName, record.size(), kPax) + padded(record) +
           plain_header(name, kLargestPlain, kPlain);
}

std::string end_mark() { return std::string(2 * kBlock, '\0'); }

Result<> Reader::read(std::span<std::byte> buffer) {
    const auto got = TRY(source_->read(buffer));
    position_ += got;
    if (got < buffer.size())
        return fail(errors::package_truncated, "the file ends at byte {}", position_);
    return {};
}

Result<> Reader::read_padding(std::uint64_t size) {
    std::string zeros(padding(size), 'x');
    TRY(read(bytes_of(zeros)));
    if (!all_zero(zeros)) return not_canonical(position_);
    return {};
}

Result<Reader::Next> Reader::next() {
    std::string block(kBlock, '\0');
    const auto start = position_;
    const auto got = TRY(source_->read(bytes_of(block)));
    position_ += got;
    if (start == 0 && block == self_extractor()) {
        script_ = true;
        TRY(read(bytes_of(block)));
        if (block.compare(kMagicAt, kMagic.size(), kMagic) == 0)
            return Next{.entry = TRY(read_entry(block))};
        return fail(errors::package_not_a_package, "what follows its script is no package");
    }
    const bool is_tar = block.compare(kMagicAt, kMagic.size(), kMagic) == 0;
    if (start == 0 && !is_tar && !block.starts_with("manifest."))
        return fail(errors::package_not_a_package, "it does not begin as a package does");
    if (got < kBlock) return fail(errors::package_truncated, "the file ends at byte {}", position_);
    if (!all_zero(block)) return Next{.entry = TRY(read_entry(block))};

    TRY(read(bytes_of(block)));
    if (!all_zero(block)) return not_canonical(position_);
    std::array<std::byte, 1> beyond{};
    if (TRY(source_->read(beyond)) != 0)
        return fail(errors::package_trailing_data, "the package ends at byte {}, the file does not",
                    position_);
    return Next{.end = true};
}

Result<Entry> Reader::read_entry(std::string_view first_block) {
    std::string raw(first_block);
    std::string_view last = raw;
    std::optional<std::uint64_t> pax_size;
    if (raw[kTypeAt] == kPax) {
        std::string more(2 * kBlock, '\0');
        TRY(read(bytes_of(more)));
        raw += more;
        last = std::string_view(raw).substr(2 * kBlock);
        const auto record = until_nul(std::string_view(raw).substr(kBlock, kBlock));
        const auto equals = record.find('=');
        if (equals == record.npos || !record.ends_with('\n')) return not_canonical(position_);
        pax_size = parse_number(record.substr(equals + 1, record.size() - equals - 2), 10);
        if (!pax_size) return not_canonical(position_);
    }
    const auto plain_size = parse_number(until_nul(last.substr(kSizeAt, 12)), 8);
    if (!plain_size) return not_canonical(position_);
    Entry entry{.name = std::string(until_nul(last.substr(0, kNameSize))),
                .size = pax_size.value_or(*plain_size)};
    if (header(entry.name, entry.size) != raw) return not_canonical(position_);
    return entry;
}

}  // namespace cutover::tar
