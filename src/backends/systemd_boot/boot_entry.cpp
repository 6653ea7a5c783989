#include "backends/systemd_boot/boot_entry.h"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/core.h>

#include "backends/systemd_boot/errors.h"
#include "base/error.h"
#include "model/slot.h"

namespace cutover {
namespace {

constexpr std::string_view kTrialPrefix = "cutover-trial-";
constexpr std::string_view kSuffix = ".conf";

char letter(Slot slot) { return slot == Slot::a ? 'a' : 'b'; }

template <typename Number>
std::optional<Number> number_from(std::string_view text) {
    Number number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

std::optional<Slot> slot_from(std::string_view text) {
    if (text == "a") return Slot::a;
    if (text == "b") return Slot::b;
    return std::nullopt;
}

// The rest of the line that begins with `key` and a space.
std::string_view value_of(std::string_view text, std::string_view key) {
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(line.size() < text.size() ? line.size() + 1 : line.size());
        if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == ' ')
            return line.substr(key.size() + 1);
    }
    return {};
}

std::string_view argument_of(std::string_view options, std::string_view key) {
    while (!options.empty()) {
        const auto word = options.substr(0, options.find(' '));
        options.remove_prefix(word.size() < options.size() ? word.size() + 1 : word.size());
        if (word.starts_with(key)) return word.substr(key.size());
    }
    return {};
}

}  // namespace

Result<std::string> format_entry(const BootEntry& entry, const EntrySettings& settings) {
    const auto slot = letter(entry.slot);
    const std::size_t index = entry.slot == Slot::a ? 0 : 1;
    const auto& root = settings.roots.at(index);
    auto text = fmt::format(
        "title cutover slot {}{}\nsort-key cutover-{}\nversion {}\n"
        "options root={} ro cutover.slot={}{} panic=5{}{}\n",
        to_string(entry.slot), entry.trial ? ", trial" : "", entry.trial ? 1 : 2, entry.version,
        root, slot, entry.trial ? " cutover.trial=1" : "", settings.arguments.empty() ? "" : " ",
        settings.arguments);
    if (settings.has_initrd.at(index)) text += fmt::format("initrd /cutover/{}/initrd.img\n", slot);
    // Last, because an entry without it is passed over: no shorter text can be half an entry.
    text += fmt::format("linux /cutover/{}/vmlinuz\n", slot);
    if (text.size() >= kEntryBytes)
        return fail(errors::sdboot_long_entry, "the entry of slot {} has {} bytes",
                    to_string(entry.slot), text.size());
    text.resize(kEntryBytes - 1, '#');
    return text + '\n';
}

std::optional<BootEntry> parse_entry(std::string_view text) {
    const auto options = value_of(text, "options");
    const auto slot = slot_from(argument_of(options, "cutover.slot="));
    const auto version = number_from<std::uint32_t>(value_of(text, "version"));
    if (!slot || !version || text.size() != kEntryBytes) return std::nullopt;
    const bool trial = value_of(text, "sort-key") == "cutover-1";
    if (!trial && value_of(text, "sort-key") != "cutover-2") return std::nullopt;
    if (value_of(text, "linux") != fmt::format("/cutover/{}/vmlinuz", letter(*slot)))
        return std::nullopt;
    return BootEntry{.slot = *slot, .trial = trial, .version = *version};
}

std::string empty_entry() { return std::string(kEntryBytes - 1, '#') + '\n'; }

std::string format_trial_name(const TrialName& name) {
    if (name.done == 0)
        return fmt::format("{}{}+{}{}", kTrialPrefix, letter(name.slot), name.left, kSuffix);
    return fmt::format("{}{}+{}-{}{}", kTrialPrefix, letter(name.slot), name.left, name.done,
                       kSuffix);
}

std::optional<TrialName> parse_trial_name(std::string_view file) {
    if (!file.starts_with(kTrialPrefix) || !file.ends_with(kSuffix)) return std::nullopt;
    file.remove_prefix(kTrialPrefix.size());
    file.remove_suffix(kSuffix.size());
    const auto slot = slot_from(file.substr(0, 1));
    if (!slot || file.size() < 3 || file[1] != '+') return std::nullopt;
    const auto counters = file.substr(2);
    const auto dash = counters.find('-');
    const auto left = number_from<std::uint8_t>(counters.substr(0, dash));
    const auto done = dash == std::string_view::npos
                          ? std::optional<std::uint8_t>(0)
                          : number_from<std::uint8_t>(counters.substr(dash + 1));
    if (!left || !done) return std::nullopt;
    return TrialName{.slot = *slot, .left = *left, .done = *done};
}

}  // namespace cutover
