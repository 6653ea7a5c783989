#include "backends/uboot/redundant_environment.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/core.h>

#include "backends/boot_record/loader_record.h"
#include "base/crc32.h"
#include "base/error.h"

namespace cutover {
namespace {

constexpr std::size_t kCrcBytes = 4;
constexpr std::size_t kHeaderBytes = kCrcBytes + 1;
constexpr std::size_t kSectorBytes = 512;

std::string crc_bytes(std::string_view data) {
    const auto crc = crc32(data);
    std::string bytes;
    for (unsigned shift = 0; shift < 32; shift += 8)
        bytes += static_cast<char>((crc >> shift) & 0xffU);
    return bytes;
}

}  // namespace

std::string write_environment(const LoaderVariables& variables, std::uint8_t flag,
                              std::size_t size) {
    std::string data;
    for (const auto& [name, value] : variables) data += fmt::format("{}={}", name, value) + '\0';
    CUTOVER_CHECK(data.size() + kHeaderBytes < kSectorBytes && size >= kSectorBytes);
    data.resize(size - kHeaderBytes, '\0');
    return crc_bytes(data) + static_cast<char>(flag) + data;
}

LoaderVariables read_environment(std::string_view bytes) {
    LoaderVariables variables;
    if (bytes.size() < kSectorBytes) return variables;
    auto data = bytes.substr(kHeaderBytes);
    if (crc_bytes(data) != bytes.substr(0, kCrcBytes)) return variables;
    while (!data.empty() && data.front() != '\0') {
        const auto line = data.substr(0, data.find('\0'));
        data.remove_prefix(line.size() < data.size() ? line.size() + 1 : line.size());
        const auto equals = line.find('=');
        if (equals == std::string_view::npos) continue;
        variables[std::string(line.substr(0, equals))] = line.substr(equals + 1);
    }
    return variables;
}

std::string RedundantEnvironment::encode(const LoaderRecord& record) const {
    return write_environment(to_variables(record), static_cast<std::uint8_t>(record.serial), size_);
}

std::optional<LoaderRecord> RedundantEnvironment::decode(std::string_view bytes) const {
    auto record = from_variables(read_environment(bytes));
    if (record) record->serial = static_cast<unsigned char>(bytes.at(kCrcBytes));
    return record;
}

bool RedundantEnvironment::newer(std::uint32_t a, std::uint32_t b) const {
    if (a == 0 && b == 255) return true;
    if (a == 255 && b == 0) return false;
    return a > b;
}

}  // namespace cutover
