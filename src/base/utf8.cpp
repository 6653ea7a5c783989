#include "base/utf8.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace cutover {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr std::string_view kEllipsis = "…";

unsigned char byte_at(std::string_view text, std::size_t index) {
    return static_cast<unsigned char>(text[index]);
}

// How many bytes a character that begins with `first` takes; 0 when none does.
std::size_t length_from(unsigned char first) {
    if (first < 0x80) return 1;
    if (first >= 0xC2 && first < 0xE0) return 2;
    if (first >= 0xE0 && first < 0xF0) return 3;
    if (first >= 0xF0 && first < 0xF5) return 4;
    return 0;
}

}  // namespace

CodePoint first_code_point(std::string_view text) {
    constexpr std::array<unsigned char, 5> kFirstBits{0, 0x7F, 0x1F, 0x0F, 0x07};
    constexpr std::array<char32_t, 5> kSmallest{0, 0, 0x80, 0x800, 0x10000};
    const CodePoint invalid{.value = byte_at(text, 0), .length = 1, .valid = false};
    const auto length = length_from(byte_at(text, 0));
    if (length == 0 || length > text.size()) return invalid;
    char32_t value = byte_at(text, 0) & kFirstBits.at(length);
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte_at(text, i) & 0xC0U) != 0x80) return invalid;
        value = (value << 6U) | (byte_at(text, i) & 0x3FU);
    }
    const bool surrogate = value >= 0xD800 && value < 0xE000;
    if (value < kSmallest.at(length) || surrogate || value > 0x10FFFF) return invalid;
    return {.value = value, .length = length, .valid = true};
}

std::string valid_utf8(std::string_view text) {
    std::string result;
    result.reserve(text.size());
    while (!text.empty()) {
        const auto* const other =
            std::ranges::find_if(text, [](unsigned char byte) { return byte >= 0x80; });
        const auto ascii = static_cast<std::size_t>(other - text.begin());
        result += text.substr(0, ascii);  // at once: a text may be large
        text.remove_prefix(ascii);
        if (text.empty()) break;
        const auto next = first_code_point(text);
        result += next.valid ? text.substr(0, next.length) : kReplacement;
        text.remove_prefix(next.length);
    }
    return result;
}

std::string clipped_utf8(std::string_view text, std::size_t max_bytes) {
    if (text.size() <= max_bytes) return std::string(text);
    auto end = std::max(max_bytes, kEllipsis.size()) - kEllipsis.size();
    while (end > 0 && (byte_at(text, end) & 0xC0U) == 0x80) --end;
    return std::string(text.substr(0, end)).append(kEllipsis);
}

// Once before, so that little work is done, and once after, since a replacement may be longer.
std::string shown_utf8(std::string_view text, std::size_t max_bytes) {
    return clipped_utf8(valid_utf8(text.substr(0, max_bytes + 1)), max_bytes);
}

}  // namespace cutover
