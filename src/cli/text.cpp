#include "cli/text.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>

#include "base/counted.h"
#include "base/utf8.h"

namespace cutover::cli {
namespace {

struct Range {
    char32_t first;
    char32_t last;
};

// Good enough for names of devices and files: the blocks that terminals draw two columns wide, and
// those that they draw over the character before.
constexpr std::array kWide{Range{0x1100, 0x115F},   Range{0x2E80, 0x303E},  Range{0x3041, 0xA4CF},
                           Range{0xAC00, 0xD7A3},   Range{0xF900, 0xFAFF},  Range{0xFE30, 0xFE6F},
                           Range{0xFF00, 0xFF60},   Range{0xFFE0, 0xFFE6},  Range{0x1F300, 0x1F64F},
                           Range{0x1F900, 0x1F9FF}, Range{0x20000, 0x3FFFD}};
constexpr std::array kCombining{Range{0x0300, 0x036F}, Range{0x1AB0, 0x1AFF}, Range{0x1DC0, 0x1DFF},
                                Range{0x200B, 0x200D}, Range{0x20D0, 0x20FF}, Range{0xFE00, 0xFE0F},
                                Range{0xFE20, 0xFE2F}};
// These turn the direction of a line around, and could show a text as another.
constexpr std::array kMisleading{Range{0x200E, 0x200F}, Range{0x202A, 0x202E},
                                 Range{0x2066, 0x2069}};

template <std::size_t size>
bool in(const std::array<Range, size>& ranges, char32_t value) {
    return std::ranges::any_of(
        ranges, [value](Range range) { return value >= range.first && value <= range.last; });
}

std::size_t columns(char32_t value) {
    if (in(kCombining, value)) return 0;
    return in(kWide, value) ? 2 : 1;
}

bool is_control(char32_t value) {
    return value < 0x20 || (value >= 0x7F && value < 0xA0) || in(kMisleading, value);
}

// Bytes of the longest beginning of `text` that takes at most `width` columns.
std::size_t bytes_that_fit(std::string_view text, std::size_t width) {
    std::size_t bytes = 0;
    std::size_t used = 0;
    while (bytes < text.size()) {
        const auto next = first_code_point(text.substr(bytes));
        used += next.valid ? columns(next.value) : 1;
        if (used > width) break;
        bytes += next.length;
    }
    return bytes;
}

void wrap_line(std::string_view line, std::size_t width, std::vector<std::string>& lines) {
    while (display_width(line) > width) {
        const auto fits = std::max(bytes_that_fit(line, width), first_code_point(line).length);
        auto end = line.rfind(' ', fits);
        if (end == std::string_view::npos || end == 0) end = fits;
        lines.emplace_back(line.substr(0, end));
        line.remove_prefix(end);
        line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
        if (line.empty()) return;
    }
    lines.emplace_back(line);
}

}  // namespace

std::size_t display_width(std::string_view text) {
    std::size_t width = 0;
    while (!text.empty()) {
        const auto next = first_code_point(text);
        width += next.valid ? columns(next.value) : 1;
        text.remove_prefix(next.length);
    }
    return width;
}

std::string printable(std::string_view text) {
    std::string result;
    result.reserve(text.size());
    while (!text.empty()) {
        const auto next = first_code_point(text);
        if (next.valid && !is_control(next.value))
            result += text.substr(0, next.length);
        else
            result +=
                next.valid && (next.value == '\n' || next.value == '\t') ? " " : "\xEF\xBF\xBD";
        text.remove_prefix(next.length);
    }
    return result;
}

std::string printable_lines(std::string_view document,
                            const std::function<std::string(char32_t)>& escape) {
    std::string result;
    result.reserve(document.size());
    while (!document.empty()) {
        const auto next = first_code_point(document);
        const bool layout = next.value == '\n' || next.value == '\t';
        if (next.valid && (layout || !is_control(next.value)))
            result += document.substr(0, next.length);
        else
            result += next.valid ? escape(next.value) : "\xEF\xBF\xBD";
        document.remove_prefix(next.length);
    }
    return result;
}

std::string padded(std::string_view text, std::size_t width) {
    const auto used = display_width(text);
    return std::string(text).append(used < width ? width - used : 0, ' ');
}

std::string right_aligned(std::string_view text, std::size_t width) {
    const auto used = display_width(text);
    return std::string(used < width ? width - used : 0, ' ').append(text);
}

std::string fitted(std::string_view text, std::size_t width) {
    if (display_width(text) <= width) return std::string(text);
    if (width == 0) return {};
    return std::string(text.substr(0, bytes_that_fit(text, width - 1))).append("…");
}

std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
    std::vector<std::string> lines;
    while (true) {
        const auto end = text.find('\n');
        wrap_line(text.substr(0, end), std::max<std::size_t>(width, 1), lines);
        if (end == std::string_view::npos) return lines;
        text.remove_prefix(end + 1);
    }
}

std::string labelled(std::string_view label, std::string_view text, int width) {
    std::string result;
    for (const auto& line : wrapped(printable(text), static_cast<std::size_t>(width) - kLabelWidth))
        result += padded(result.empty() ? label : "", kLabelWidth) + line + '\n';
    return result;
}

std::string counted_in_words(std::size_t count, std::string_view noun) {
    constexpr std::array<std::string_view, 7> kWords{"no",   "one",  "two", "three",
                                                     "four", "five", "six"};
    if (count >= kWords.size()) return counted(count, noun);
    return fmt::format("{} {}{}", kWords.at(count), noun, count == 1 ? "" : "s");
}

}  // namespace cutover::cli
