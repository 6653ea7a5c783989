#include "backends/grub/environment_block.h"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/core.h>

#include "backends/boot_record/loader_record.h"
#include "base/error.h"

namespace cutover {
namespace {

constexpr std::string_view kSignature = "# GRUB Environment Block\n";
constexpr std::size_t kSectorBytes = 512;
constexpr std::uint32_t kMaxSerial = 999'999'999;

// Where the line that begins at `begin` ends: at a line feed that no backslash hides.
std::size_t line_end(std::string_view block, std::size_t begin) {
    auto at = begin;
    while (at < block.size() && block[at] != '\n') at += block[at] == '\\' ? 2 : 1;
    return at;
}

std::string without_backslashes(std::string_view value) {
    std::string text;
    for (std::size_t i = 0; i < value.size(); ++i) {
        if (value[i] == '\\' && i + 1 < value.size()) ++i;
        text += value[i];
    }
    return text;
}

std::string check_line(std::string_view serial, const LoaderVariables& variables) {
    return fmt::format("{}.{}.{}.{}.{}", serial, variables.at("cutover_committed"),
                       variables.at("cutover_trial"), variables.at("cutover_left"),
                       variables.at("cutover_tries"));
}

// As the script has it: one to nine digits, no zero in front.
std::optional<std::uint32_t> serial_from(std::string_view text) {
    std::uint32_t serial = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), serial);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    if (serial == 0 || serial > kMaxSerial || std::to_string(serial) != text) return std::nullopt;
    return serial;
}

}  // namespace

std::string EnvironmentBlock::encode(const LoaderRecord& record) const {
    const auto variables = to_variables(record);
    const auto serial = std::to_string(record.serial);
    auto block = fmt::format("{}cutover_seq={}\n", kSignature, serial);
    for (const auto* const name :
         {"cutover_committed", "cutover_trial", "cutover_left", "cutover_tries"})
        block += fmt::format("{}={}\n", name, variables.at(name));
    block += fmt::format("cutover_check={}\n", check_line(serial, variables));
    CUTOVER_CHECK(block.size() <= kSectorBytes);
    block.resize(kEnvironmentBlockBytes, '#');
    return block;
}

std::optional<LoaderRecord> EnvironmentBlock::decode(std::string_view bytes) const {
    const auto variables = read_environment_block(bytes);
    const auto serial = variables.find("cutover_seq");
    const auto check = variables.find("cutover_check");
    auto record = from_variables(variables);
    if (!record || serial == variables.end() || check == variables.end()) return std::nullopt;
    const auto number = serial_from(serial->second);
    if (!number || check->second != check_line(serial->second, variables)) return std::nullopt;
    record->serial = *number;
    return record;
}

LoaderVariables read_environment_block(std::string_view bytes) {
    LoaderVariables variables;
    if (bytes.size() != kEnvironmentBlockBytes || !bytes.starts_with(kSignature)) return variables;
    for (auto at = kSignature.size(); at < bytes.size(); at = line_end(bytes, at) + 1) {
        if (bytes[at] == '#') continue;
        // As in GRUB: what stands before the next '=' is the name, over line ends too.
        const auto equals = bytes.find('=', at);
        if (equals == std::string_view::npos) break;
        const auto end = line_end(bytes, equals + 1);
        if (end >= bytes.size()) break;
        const auto value = bytes.substr(equals + 1, end - equals - 1);
        variables[std::string(bytes.substr(at, equals - at))] = without_backslashes(value);
        at = equals + 1;
    }
    return variables;
}

std::optional<std::string> with_variable(std::string_view block, std::string_view name,
                                         std::string_view value) {
    if (block.size() != kEnvironmentBlockBytes || !block.starts_with(kSignature))
        return std::nullopt;
    const auto last = block.find_last_not_of('#');
    const auto room = block.size() - last - 1;
    for (auto at = kSignature.size(); at < block.size(); at = line_end(block, at) + 1) {
        const auto key = fmt::format("{}=", name);
        if (!block.substr(at).starts_with(key)) continue;
        const auto begin = at + key.size();
        const auto length = line_end(block, begin) - begin;
        if (value.size() > length + room) return std::nullopt;
        std::string changed(block);
        changed.replace(begin, length, value);
        changed.resize(kEnvironmentBlockBytes, '#');
        return changed;
    }
    return std::nullopt;
}

}  // namespace cutover
