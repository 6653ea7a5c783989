#include "store/outbox.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/error.h"
#include "model/event.h"
#include "store/database.h"
#include "store/documents.h"

namespace cutover {
namespace {

// No bus takes messages of any size, and one that it refuses would hold up all after it.
constexpr std::size_t kMaxTextBytes = std::size_t{16} * 1024;
constexpr auto kDropped = "outbox_dropped";
constexpr auto kTold = "outbox_dropped_told";

constexpr std::array kTables{
    "CREATE TABLE IF NOT EXISTS outbox(sequence INTEGER PRIMARY KEY AUTOINCREMENT, "
    "time INTEGER NOT NULL, progress INTEGER NOT NULL, document TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS outbox_progress ON outbox(sequence) WHERE progress = 1",
};

std::int64_t number(const SqlValue& value) {
    const auto* found = std::get_if<std::int64_t>(&value);
    return found ? *found : 0;
}

WallTime wall(std::int64_t milliseconds) {
    return WallTime(std::chrono::milliseconds(milliseconds));
}

OutboxEvent bounded(OutboxEvent event) {
    const auto cut = [](std::string& text) {
        if (text.size() > kMaxTextBytes) text.resize(kMaxTextBytes);
    };
    cut(event.event.text);
    if (event.alarm) cut(event.alarm->text);
    if (event.operation && event.operation->error) {
        cut(event.operation->error->message);
        cut(event.operation->error->cause);
    }
    return event;
}

}  // namespace

bool is_progress(const Event& event) {
    return event.type.starts_with("stage.") || event.type == "operation.progress";
}

Result<> Outbox::prepare(Database& database) {
    for (const auto* table : kTables) TRY(database.query(table));
    return {};
}

Result<> Outbox::add(const OutboxEvent& event, std::int64_t max_waiting) {
    TRY(database_.query(
        "INSERT INTO outbox(time, progress, document) VALUES(?, ?, ?)",
        {std::int64_t{event.event.time.time_since_epoch().count()},
         std::int64_t{is_progress(event.event) ? 1 : 0}, to_document(bounded(event))}));
    return make_room(max_waiting);
}

Result<> Outbox::make_room(std::int64_t max_waiting) {
    // What the table could hold at most is known at once; counting takes longer.
    const auto span =
        TRY(database_.query("SELECT (SELECT MAX(sequence) FROM outbox) - "
                            "(SELECT MIN(sequence) FROM outbox) + 1"));
    if (number(span.front().front()) <= max_waiting) return {};
    const auto waiting =
        number(TRY(database_.query("SELECT COUNT(*) FROM outbox")).front().front());
    if (waiting <= max_waiting) return {};
    const auto gone =
        TRY(database_.query("DELETE FROM outbox WHERE sequence IN (SELECT sequence FROM outbox "
                            "WHERE progress = 1 ORDER BY sequence LIMIT ?) RETURNING sequence",
                            {waiting - max_waiting}));
    if (gone.empty()) return {};
    return set_counter(kDropped, TRY(counter(kDropped)) + std::ssize(gone));
}

Result<std::vector<OutboxEvent>> Outbox::first(int max_count) {
    std::vector<OutboxEvent> result;
    for (const auto& row :
         TRY(database_.query("SELECT sequence, time, document FROM outbox ORDER BY sequence "
                             "LIMIT ?",
                             {std::int64_t{max_count}}))) {
        const auto* found = std::get_if<std::string>(&row.at(2));
        const auto document = found ? *found : std::string();
        auto read = outbox_event_from(document);
        // One that an agent newer than this one has written must not hold up all after it.
        if (!read)
            read = OutboxEvent{.event = {.time = wall(number(row.at(1))),
                                         .type = "event.unreadable",
                                         .text = document}};
        read->sequence = number(row.at(0));
        result.push_back(*std::move(read));
    }
    return result;
}

Result<> Outbox::forget(std::int64_t up_to_sequence) {
    TRY(database_.query("DELETE FROM outbox WHERE sequence <= ?", {up_to_sequence}));
    return {};
}

Result<> Outbox::forget_all() {
    TRY(database_.query("DELETE FROM outbox"));
    return {};
}

Result<OutboxCounts> Outbox::counts() {
    OutboxCounts counts;
    counts.waiting = number(TRY(database_.query("SELECT COUNT(*) FROM outbox")).front().front());
    counts.dropped = TRY(counter(kDropped));
    const auto oldest = TRY(database_.query("SELECT time FROM outbox ORDER BY sequence LIMIT 1"));
    if (!oldest.empty()) counts.oldest = wall(number(oldest.front().front()));
    return counts;
}

Result<> Outbox::tell_dropped(WallTime now) {
    const auto dropped = TRY(counter(kDropped));
    const auto told = TRY(counter(kTold));
    if (dropped <= told) return {};
    TRY(database_.query(
        "INSERT INTO outbox(time, progress, document) VALUES(?, 0, ?)",
        {std::int64_t{now.time_since_epoch().count()},
         to_document(OutboxEvent{
             .event = {.time = now,
                       .type = "events.dropped",
                       .text = fmt::format("{} events of progress could not be kept until they "
                                           "could be delivered",
                                           dropped - told)}})}));
    return set_counter(kTold, dropped);
}

Result<std::int64_t> Outbox::counter(const char* key) {
    const auto rows =
        TRY(database_.query("SELECT value FROM meta WHERE key = ?", {std::string(key)}));
    if (rows.empty()) return 0;
    const auto* text = std::get_if<std::string>(&rows.front().front());
    std::int64_t value = 0;
    if (text) std::from_chars(text->data(), text->data() + text->size(), value);
    return value;
}

Result<> Outbox::set_counter(const char* key, std::int64_t value) {
    TRY(
        database_.query("INSERT INTO meta VALUES(?, ?) ON CONFLICT(key) DO UPDATE SET value = "
                        "excluded.value",
                        {std::string(key), std::to_string(value)}));
    return {};
}

}  // namespace cutover
