#include "platform/kernel_command_line.h"

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "model/slot.h"
#include "platform/boot_control.h"
#include "platform/errors.h"

namespace cutover {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{64} * 1024;  // no architecture allows as many
constexpr std::string_view kSpace = " \t\n\r\v\f";

// Takes the next argument off `text`. Spaces inside double quotes belong to it, as in the kernel.
std::string_view take_argument(std::string_view& text) {
    const auto begin = text.find_first_not_of(kSpace);
    text.remove_prefix(begin == std::string_view::npos ? text.size() : begin);
    std::size_t length = 0;
    for (bool quoted = false; length < text.size(); ++length) {
        if (text[length] == '"') quoted = !quoted;
        if (!quoted && kSpace.contains(text[length])) break;
    }
    const auto argument = text.substr(0, length);
    text.remove_prefix(length);
    return argument;
}

std::optional<std::string_view> value_of(std::string_view argument, std::string_view key) {
    if (!argument.starts_with(key)) return std::nullopt;
    argument.remove_prefix(key.size());
    if (!argument.starts_with('=')) return std::nullopt;
    argument.remove_prefix(1);
    return argument;
}

struct Found {
    std::optional<Slot> slot;
    bool trial = false;
    bool fallback = false;
    bool rescue = false;

    BootReason reason() const {
        if (trial) return BootReason::trial;
        if (fallback) return BootReason::fallback;
        return rescue ? BootReason::rescue : BootReason::normal;
    }
};

Result<> take_slot(std::string_view value, Found& found) {
    const auto slot = value == "a"   ? std::optional(Slot::a)
                      : value == "b" ? std::optional(Slot::b)
                                     : std::nullopt;
    if (!slot)
        return fail(errors::boot_slot_not_told, "cutover.slot={} names no slot",
                    value.substr(0, 20));
    if (found.slot && found.slot != slot)
        return fail(errors::boot_slot_not_told, "the kernel command line names both slots");
    found.slot = slot;
    return {};
}

Result<> take_flag(std::string_view key, std::string_view value, bool& flag) {
    if (value != "0" && value != "1")
        return fail(errors::boot_slot_not_told, "{}={} is neither 0 nor 1", key,
                    value.substr(0, 20));
    flag = value == "1";
    return {};
}

}  // namespace

Result<BootedAs> parse_kernel_command_line(std::string_view text) {
    Found found;
    for (auto argument = take_argument(text); !argument.empty(); argument = take_argument(text)) {
        if (argument == "--") break;  // the rest is init's
        if (const auto slot = value_of(argument, "cutover.slot")) TRY(take_slot(*slot, found));
        for (const auto& [key, flag] : {std::pair{"cutover.trial", &found.trial},
                                        std::pair{"cutover.fallback", &found.fallback},
                                        std::pair{"cutover.rescue", &found.rescue}})
            if (const auto value = value_of(argument, key)) TRY(take_flag(key, *value, *flag));
    }
    if (!found.slot)
        return fail(errors::boot_slot_not_told, "no cutover.slot on the kernel command line");
    return BootedAs{.slot = *found.slot, .reason = found.reason()};
}

Result<BootedAs> read_kernel_command_line(const std::filesystem::path& file) {
    return parse_kernel_command_line(TRY(read_file(file, kMaxBytes)));
}

}  // namespace cutover
