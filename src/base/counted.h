#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <fmt/core.h>

namespace cutover {

// "1 slot", "2 slots".
inline std::string counted(std::size_t count, std::string_view noun) {
    return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace cutover
