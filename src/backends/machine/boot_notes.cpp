#include "backends/machine/boot_notes.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "base/files.h"
#include "base/utf8.h"
#include "model/slot.h"
#include "platform/boot_control.h"

namespace cutover {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{64} * 1024;
constexpr std::size_t kMaxNotes = 50;
constexpr std::size_t kMaxFailureBytes = 500;

std::string_view next_word(std::string_view& line) {
    const auto word = line.substr(0, line.find(' '));
    line.remove_prefix(std::min(line.size(), word.size() + 1));
    return word;
}

std::optional<BootReason> reason_from(std::string_view name) {
    for (const auto reason :
         {BootReason::normal, BootReason::trial, BootReason::fallback, BootReason::rescue})
        if (to_string(reason) == name) return reason;
    return std::nullopt;
}

// "6f3c... B trial lay the persistent files: ...": boot, slot, reason, and what failed, if it did.
std::optional<BootNote> parse_note(std::string_view line) {
    BootNote note;
    note.boot_id = next_word(line);
    const auto slot = next_word(line);
    const auto reason = reason_from(next_word(line));
    if (note.boot_id.empty() || (slot != "A" && slot != "B") || !reason) return std::nullopt;
    note.slot = slot == "A" ? Slot::a : Slot::b;
    note.reason = *reason;
    note.failure = line;
    return note;
}

std::string format_note(const BootNote& note) {
    auto failure = clipped_utf8(note.failure, kMaxFailureBytes);
    std::ranges::replace_if(
        failure, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
    return fmt::format("{} {} {}{}{}\n", note.boot_id, to_string(note.slot), to_string(note.reason),
                       failure.empty() ? "" : " ", failure);
}

std::string describe(const BootNote& note) {
    return fmt::format("slot {} (trial boot): {}", to_string(note.slot),
                       note.failure.empty()
                           ? "the agent came up, and the device restarted before the trial was over"
                           : note.failure);
}

}  // namespace

std::vector<BootNote> read_boot_notes(const std::filesystem::path& file) {
    const auto text = read_file(file, kMaxFileBytes).value_or("");
    std::vector<BootNote> notes;
    std::string_view rest = text;
    while (!rest.empty()) {
        const auto line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        if (auto note = parse_note(line)) notes.push_back(std::move(*note));
    }
    return notes;
}

Result<> note_boot(const std::filesystem::path& file, BootNote note) {
    auto notes = read_boot_notes(file);
    if (!notes.empty() && notes.back() == note) return {};
    if (!notes.empty() && notes.back().boot_id == note.boot_id) notes.pop_back();
    notes.push_back(std::move(note));
    std::string text;
    const auto surplus = notes.size() - std::min(notes.size(), kMaxNotes);
    for (auto i = surplus; i < notes.size(); ++i) text += format_note(notes[i]);
    TRY(make_folders(file.parent_path()));
    return write_file_durably(file, text, 0644);
}

std::vector<std::string> earlier_failures(const BootStatus& boot,
                                          const std::vector<BootNote>& notes,
                                          const std::string& boot_id) {
    std::size_t died = 0;  // boots of the trial before this one, at least
    switch (boot.reason) {
        case BootReason::normal:
        case BootReason::rescue: return {};
        case BootReason::trial:
            died = static_cast<std::size_t>(std::max(boot.tries - boot.tries_left - 1, 0));
            break;
        case BootReason::fallback:
            died = static_cast<std::size_t>(std::max(boot.tries - boot.tries_left, 1));
            break;
    }
    const bool this_is_noted = !notes.empty() && notes.back().boot_id == boot_id;
    auto end = notes.end() - (this_is_noted ? 1 : 0);
    auto begin = end;
    while (begin != notes.begin() && std::prev(begin)->reason == BootReason::trial) --begin;
    if (boot.reason == BootReason::trial && end - begin > static_cast<std::ptrdiff_t>(died))
        begin = end - static_cast<std::ptrdiff_t>(died);  // the rest is of a trial before
    std::vector<std::string> failures;
    for (auto note = begin; note != end; ++note) failures.push_back(describe(*note));
    const auto tried = boot.reason == BootReason::trial ? boot.running : other(boot.committed);
    while (failures.size() < died)
        failures.insert(
            failures.begin(),
            fmt::format("slot {} (trial boot): the agent did not come up", to_string(tried)));
    return failures;
}

}  // namespace cutover
