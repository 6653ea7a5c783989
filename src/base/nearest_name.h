#pragma once

#include <span>
#include <string_view>

namespace cutover {

// The known name that a person most likely meant by `given`: the one at the smallest edit distance,
// where that is at most half of the name; empty when none is near.
std::string_view nearest_name(std::string_view given, std::span<const std::string_view> known);

}  // namespace cutover
