#include "base/crc32.h"

#include <array>
#include <cstdint>
#include <string_view>

namespace cutover {
namespace {

constexpr std::array<std::uint32_t, 256> make_crc_table() {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
        auto value = byte;
        for (int bit = 0; bit < 8; ++bit)
            value = (value >> 1U) ^ ((value & 1U) != 0 ? 0xedb88320U : 0U);
        table.at(byte) = value;
    }
    return table;
}
constexpr auto kCrcTable = make_crc_table();

}  // namespace

std::uint32_t crc32(std::string_view bytes) {
    std::uint32_t crc = 0xffffffffU;
    for (const char c : bytes)
        crc = (crc >> 8U) ^ kCrcTable.at((crc ^ static_cast<unsigned char>(c)) & 0xffU);
    return ~crc;
}

}  // namespace cutover
