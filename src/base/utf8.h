#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cutover {

struct CodePoint {
    char32_t value = 0;
    std::size_t length = 0;  // bytes it takes; 1 for a byte that begins nothing valid
    bool valid = false;
};

// The first character of a text that is not empty.
CodePoint first_code_point(std::string_view text);

// `text` with every byte that is no part of valid UTF-8 replaced by U+FFFD.
std::string valid_utf8(std::string_view text);

// At most `max_bytes` of `text`, no character cut in half; what was cut off is said by "…".
std::string clipped_utf8(std::string_view text, std::size_t max_bytes);

// Both: what came from outside, to be shown. No more of it is looked at, or copied, than is shown.
std::string shown_utf8(std::string_view text, std::size_t max_bytes);

}  // namespace cutover
