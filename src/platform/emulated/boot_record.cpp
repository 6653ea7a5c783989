#include "platform/emulated/boot_record.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/core.h>

#include "base/crc32.h"
#include "base/error.h"
#include "model/slot.h"
#include "platform/boot_control.h"
#include "platform/emulated/errors.h"

namespace cutover {
namespace {

constexpr std::string_view kTitle = "cutover boot record 1\n";

// The value of the next line, which must be "<key> <value>"; nothing when it is not.
std::optional<std::string_view> take(std::string_view& text, std::string_view key) {
    const auto line = text.substr(0, text.find('\n'));
    if (!line.starts_with(key) || line.size() <= key.size() + 1) return std::nullopt;
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    return line.substr(key.size() + 1);
}

template <typename Number>
bool read_number(std::string_view& text, std::string_view key, Number& value) {
    const auto digits = take(text, key);
    if (!digits) return false;
    const auto [end, error] =
        std::from_chars(digits->data(), digits->data() + digits->size(), value);
    return error == std::errc{} && end == digits->data() + digits->size();
}

std::optional<Slot> slot_from(std::string_view name) {
    for (const auto slot : {Slot::a, Slot::b})
        if (to_string(slot) == name) return slot;
    return std::nullopt;
}

bool read_slot(std::string_view& text, std::string_view key, Slot& value) {
    const auto slot = slot_from(take(text, key).value_or(""));
    if (slot) value = *slot;
    return slot.has_value();
}

bool read_reason(std::string_view& text, BootReason& value) {
    const auto name = take(text, "reason");
    for (const auto reason :
         {BootReason::normal, BootReason::trial, BootReason::fallback, BootReason::rescue}) {
        if (to_string(reason) != name) continue;
        value = reason;
        return true;
    }
    return false;
}

}  // namespace

std::string format_boot_record(const BootRecord& record) {
    auto text = fmt::format(
        "{}sequence {}\ncommitted {}\ntrial {}\ntries {}\ntries-left {}\nbooted {}\nreason {}\n",
        kTitle, record.sequence, to_string(record.committed),
        record.trial ? to_string(*record.trial) : "none", record.tries, record.tries_left,
        to_string(record.booted), to_string(record.reason));
    text += fmt::format("crc32 {:08x}\n", crc32(text));
    text.resize(kBootRecordBytes, '\n');
    return text;
}

Result<BootRecord> parse_boot_record(std::string_view text) {
    BootRecord record;
    auto rest = text;
    const auto bad = [] { return fail(errors::boot_record_damaged, "damaged boot record"); };
    if (text.size() != kBootRecordBytes || !rest.starts_with(kTitle)) return bad();
    rest.remove_prefix(kTitle.size());
    if (!read_number(rest, "sequence", record.sequence)) return bad();
    if (!read_slot(rest, "committed", record.committed)) return bad();
    const auto trial = take(rest, "trial").value_or("");
    record.trial = slot_from(trial);
    if (!record.trial && trial != "none") return bad();
    const bool whole = read_number(rest, "tries", record.tries) &&
                       read_number(rest, "tries-left", record.tries_left) &&
                       read_slot(rest, "booted", record.booted) && read_reason(rest, record.reason);
    const bool sound = whole && record.tries_left >= 0 && record.tries_left <= record.tries &&
                       record.tries <= kMaxTries;
    // Writing it down again settles the rest: the checksum, the filling, and other spellings.
    if (!sound || format_boot_record(record) != text) return bad();
    return record;
}

BootRecord next_boot(const BootRecord& record) {
    auto next = record;
    if (record.trial && record.tries_left > 0) {
        next.booted = *record.trial;
        next.reason = BootReason::trial;
        --next.tries_left;
        return next;
    }
    next.booted = record.committed;
    next.reason = record.trial ? BootReason::fallback : BootReason::normal;
    return next;
}

BootStatus status_of(const BootRecord& record) {
    const bool at_work =
        record.trial && (record.tries_left > 0 ||
                         (record.reason == BootReason::trial && record.booted == *record.trial));
    return {.running = record.booted,
            .reason = record.reason,
            .committed = record.committed,
            .trial = at_work ? record.trial : std::nullopt,
            .tries_left = at_work ? record.tries_left : 0,
            .tries = at_work ? record.tries : 0};
}

}  // namespace cutover
