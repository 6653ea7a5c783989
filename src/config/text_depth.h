#pragma once

#include <cstddef>
#include <string_view>

namespace cutover {

// Whether brackets, or elements, are in each other at most so deep. Parsers that recurse are asked
// only after this. What is no JSON or XML may get either answer.
bool json_is_within(std::string_view text, std::size_t depth);
bool xml_is_within(std::string_view text, std::size_t depth);

}  // namespace cutover
