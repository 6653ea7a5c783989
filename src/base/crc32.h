#pragma once

#include <cstdint>
#include <string_view>

namespace cutover {

std::uint32_t crc32(std::string_view bytes);  // as in zlib, Ethernet, U-Boot and POSIX tools

}  // namespace cutover
