#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace cutover::cli {

// Columns that `text` takes on a terminal: two for East Asian wide characters and pictures, none
// for combining marks.
std::size_t display_width(std::string_view text);

// `text` on one line, safe for a terminal: control characters (escape sequences with them), and
// what is no UTF-8, are replaced.
std::string printable(std::string_view text);

// `document` of several lines, as safe: its line breaks and tabs stay, and what is unsafe becomes
// what `escape` writes for it, which may mean the same to a reader of its format.
std::string printable_lines(std::string_view document,
                            const std::function<std::string(char32_t)>& escape);

std::string padded(std::string_view text, std::size_t width);  // to the left
std::string right_aligned(std::string_view text, std::size_t width);
std::string fitted(std::string_view text, std::size_t width);  // cut, with "…", when too long

// Lines of at most `width` columns, broken between words where that is possible. Line breaks in
// `text` are kept. At least one line.
std::vector<std::string> wrapped(std::string_view text, std::size_t width);

// Lines of a label and, beside it, what it is for, wrapped.
inline constexpr std::size_t kLabelWidth = 16;
std::string labelled(std::string_view label, std::string_view text, int width);

// "one reboot", "two reboots"; in digits from seven on.
std::string counted_in_words(std::size_t count, std::string_view noun);

}  // namespace cutover::cli
