#include "store/store.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/error.h"
#include "model/event.h"
#include "model/generation.h"
#include "model/operation.h"
#include "model/plan.h"
#include "model/slot.h"
#include "store/database.h"
#include "store/documents.h"
#include "store/errors.h"
#include "store/outbox.h"

namespace cutover {
namespace {

constexpr std::int64_t kSchema = 1;
constexpr int kKeptEvents = 10'000;
constexpr int kKeptAlarms = 500;
constexpr int kKeptPreviews = 100;
constexpr std::size_t kKeptManifests = 50;

// A schema that an agent before this one must still be able to read changes only by additions.
constexpr std::array kTables{
    "CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS generations(id INTEGER PRIMARY KEY AUTOINCREMENT, "
    "document TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS slots(slot TEXT PRIMARY KEY, document TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS operations(id INTEGER PRIMARY KEY, over INTEGER NOT NULL, "
    "document TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS journal(sequence INTEGER PRIMARY KEY AUTOINCREMENT, "
    "time INTEGER NOT NULL, operation INTEGER NOT NULL, step INTEGER NOT NULL, what TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS events(sequence INTEGER PRIMARY KEY AUTOINCREMENT, "
    "time INTEGER NOT NULL, type TEXT NOT NULL, operation INTEGER NOT NULL, text TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS alarms(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, "
    "raised INTEGER NOT NULL, document TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS manifests(digest TEXT PRIMARY KEY, json TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS previews(plan_hash TEXT PRIMARY KEY, time INTEGER NOT NULL)",
};

std::int64_t number(const SqlValue& value) {
    const auto* found = std::get_if<std::int64_t>(&value);
    return found ? *found : 0;
}
std::string text(const SqlValue& value) {
    const auto* found = std::get_if<std::string>(&value);
    return found ? *found : std::string();
}
std::int64_t count(WallTime time) { return time.time_since_epoch().count(); }
WallTime wall(std::int64_t milliseconds) {
    return WallTime(std::chrono::milliseconds(milliseconds));
}

std::int64_t parse_number(std::string_view digits) {
    std::int64_t value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
}

OutboxEvent told_of(const Alarm& alarm, WallTime when) {
    return {.event = {.time = when,
                      .type = alarm.cleared ? "alarm.cleared" : "alarm.raised",
                      .operation = alarm.operation,
                      .text = alarm.name},
            .alarm = alarm};
}

}  // namespace

Result<Store> Store::open(const std::filesystem::path& file) {
    Store store(TRY(Database::open(file)));
    TRY(store.prepare(), "open {}", file.string());
    return store;
}

Result<> Store::prepare() {
    return transact([&]() -> Result<> {
        for (const auto* table : kTables) TRY(database_.query(table));
        TRY(Outbox::prepare(database_));
        const auto schema = TRY(meta("schema"));
        if (schema.empty()) return set_meta("schema", std::to_string(kSchema));
        if (parse_number(schema) > kSchema)
            return fail(errors::store_newer,
                        "the database has schema {}, this agent knows up to {}", schema, kSchema);
        return {};
    });
}

Result<> Store::transact(const std::function<Result<>()>& body) {
    added_ = false;
    TRY(database_.transact(body));
    if (std::exchange(added_, false) && delivery_ && delivery_->on_added) delivery_->on_added();
    return {};
}

Result<std::string> Store::meta(std::string_view key) {
    const auto rows =
        TRY(database_.query("SELECT value FROM meta WHERE key = ?", {std::string(key)}));
    return rows.empty() ? std::string() : text(rows.front().front());
}

Result<> Store::set_meta(std::string_view key, std::string_view value) {
    TRY(
        database_.query("INSERT INTO meta VALUES(?, ?) ON CONFLICT(key) DO UPDATE SET value = "
                        "excluded.value",
                        {std::string(key), std::string(value)}));
    return {};
}

Result<Marks> Store::marks() {
    Marks marks;
    marks.running = parse_number(TRY(meta("running")));
    marks.startup = parse_number(TRY(meta("startup")));
    marks.committed = parse_number(TRY(meta("committed")));
    return marks;
}

Result<> Store::set_marks(const Marks& marks) {
    TRY(set_meta("running", std::to_string(marks.running)));
    TRY(set_meta("startup", std::to_string(marks.startup)));
    return set_meta("committed", std::to_string(marks.committed));
}

Result<Depot> Store::depot() {
    const auto document = TRY(meta("depot"));
    return document.empty() ? Depot{} : depot_from(document);
}

Result<> Store::put_depot(const Depot& depot) { return set_meta("depot", to_document(depot)); }

Result<std::vector<Generation>> Store::generations() {
    std::vector<Generation> result;
    for (const auto& row :
         TRY(database_.query("SELECT document, id FROM generations ORDER BY id"))) {
        auto& generation = result.emplace_back(TRY(generation_from(text(row.front()))));
        generation.id = number(row.back());
    }
    return result;
}

Result<GenerationId> Store::add_generation(const Generation& generation) {
    const auto rows = TRY(database_.query(
        "INSERT INTO generations(document) VALUES(?) RETURNING id", {to_document(generation)}));
    return number(rows.front().front());
}

Result<> Store::put_generation(const Generation& generation) {
    TRY(database_.query("UPDATE generations SET document = ? WHERE id = ?",
                        {to_document(generation), generation.id}));
    return {};
}

Result<> Store::remove_generation(GenerationId id) {
    TRY(database_.query("DELETE FROM generations WHERE id = ?", {id}));
    return {};
}

Result<std::vector<SlotStatus>> Store::slots() {
    std::vector<SlotStatus> result{{.slot = Slot::a}, {.slot = Slot::b}};
    for (const auto& row : TRY(database_.query("SELECT document FROM slots"))) {
        const auto status = TRY(slot_status_from(text(row.front())));
        result.at(status.slot == Slot::a ? 0 : 1) = status;
    }
    return result;
}

Result<> Store::put_slot(const SlotStatus& slot) {
    TRY(
        database_.query("INSERT INTO slots VALUES(?, ?) ON CONFLICT(slot) DO UPDATE SET document = "
                        "excluded.document",
                        {std::string(to_string(slot.slot)), to_document(slot)}));
    return {};
}

Result<std::optional<OperationRecord>> Store::open_operation() {
    const auto rows =
        TRY(database_.query("SELECT document FROM operations WHERE over = 0 ORDER BY id LIMIT 1"));
    if (rows.empty()) return std::optional<OperationRecord>();
    return std::optional(TRY(operation_record_from(text(rows.front().front()))));
}

Result<std::vector<Operation>> Store::operations(int max_count) {
    std::vector<Operation> result;
    for (const auto& row :
         TRY(database_.query("SELECT document FROM operations ORDER BY id DESC LIMIT ?",
                             {std::int64_t{max_count}})))
        result.push_back(TRY(operation_record_from(text(row.front()))).operation);
    return result;
}

Result<OperationId> Store::last_operation() {
    return number(
        TRY(database_.query("SELECT COALESCE(MAX(id), 0) FROM operations")).front().front());
}

Result<> Store::put_operation(const OperationRecord& record) {
    TRY(database_.query(
        "INSERT INTO operations VALUES(?, ?, ?) ON CONFLICT(id) DO UPDATE SET over = "
        "excluded.over, document = excluded.document",
        {record.operation.id, std::int64_t{is_over(record.operation.state) ? 1 : 0},
         to_document(record)}));
    TRY(database_.query("DELETE FROM operations WHERE over = 1 AND id <= ?",
                        {record.operation.id - kKeptOperations}));
    return {};
}

Result<> Store::add_journal(OperationId operation, int step, std::string_view what, WallTime time) {
    TRY(database_.query("INSERT INTO journal(time, operation, step, what) VALUES(?, ?, ?, ?)",
                        {count(time), operation, std::int64_t{step}, std::string(what)}));
    TRY(database_.query(
        "DELETE FROM journal WHERE sequence <= (SELECT MAX(sequence) FROM journal) - ?",
        {std::int64_t{kKeptEvents}}));
    return {};
}

Result<std::vector<Event>> Store::events(int max_count) {
    std::vector<Event> result;
    for (const auto& row :
         TRY(database_.query("SELECT sequence, time, type, operation, text FROM events "
                             "ORDER BY sequence DESC LIMIT ?",
                             {std::int64_t{max_count}})))
        result.push_back({.sequence = number(row.at(0)),
                          .time = wall(number(row.at(1))),
                          .type = text(row.at(2)),
                          .operation = number(row.at(3)),
                          .text = text(row.at(4))});
    std::ranges::reverse(result);
    return result;
}

Result<Event> Store::add_event(const Event& event) {
    const auto rows = TRY(database_.query(
        "INSERT INTO events(time, type, operation, text) VALUES(?, ?, ?, ?) RETURNING sequence",
        {count(event.time), event.type, event.operation, event.text}));
    auto added = event;
    added.sequence = number(rows.front().front());
    TRY(database_.query("DELETE FROM events WHERE sequence <= ?", {added.sequence - kKeptEvents}));
    // Of alarms the outbox hears where they are raised, with their severity and text.
    if (!added.type.starts_with("alarm.")) TRY(add_to_outbox({.event = added}));
    return added;
}

Result<> Store::add_to_outbox(OutboxEvent event) {
    if (!delivery_) return {};
    const auto rows = TRY(
        database_.query("SELECT document FROM operations WHERE id = ?", {event.event.operation}));
    if (!rows.empty()) {
        auto record = TRY(operation_record_from(text(rows.front().front())));
        event.operation = std::move(record.operation);
        event.operation->stages.clear();
        event.operation->checks.clear();
        event.operation->warnings.clear();
    }
    TRY(Outbox(database_).add(event, delivery_->max_waiting));
    added_ = true;
    return {};
}

Result<> Store::add_progress(const Progress& progress, WallTime when) {
    if (!delivery_) return {};
    TRY(database_.query("PRAGMA synchronous=NORMAL"));
    auto added = transact([&] {
        return add_to_outbox({.event = {.time = when,
                                        .type = "operation.progress",
                                        .operation = progress.operation,
                                        .text = progress.step},
                              .progress = progress});
    });
    TRY(database_.query("PRAGMA synchronous=FULL"));
    return added;
}

// Writes nothing where there is nothing to forget: most devices deliver to nobody.
Result<> Store::forget_undelivered() {
    Outbox outbox(database_);
    return TRY(outbox.first(1)).empty() ? Result<>() : outbox.forget_all();
}

Result<std::vector<Alarm>> Store::alarms() {
    std::vector<Alarm> result;
    for (const auto& row : TRY(database_.query("SELECT document FROM alarms ORDER BY id")))
        result.push_back(TRY(alarm_from(text(row.front()))));
    return result;
}

Result<> Store::raise_alarm(const Alarm& alarm) {
    auto raised = alarm;
    const auto rows = TRY(database_.query(
        "SELECT id, document FROM alarms WHERE name = ? AND raised = 1", {alarm.name}));
    if (!rows.empty()) {
        const auto before = TRY(alarm_from(text(rows.front().back())));
        raised.raised = before.raised;
        TRY(database_.query("UPDATE alarms SET document = ? WHERE id = ?",
                            {to_document(raised), number(rows.front().front())}));
        return raised == before ? Result<>() : add_to_outbox(told_of(raised, alarm.raised));
    }
    TRY(database_.query("INSERT INTO alarms(name, raised, document) VALUES(?, 1, ?)",
                        {alarm.name, to_document(raised)}));
    TRY(database_.query(
        "DELETE FROM alarms WHERE raised = 0 AND id <= (SELECT MAX(id) FROM alarms) - ?",
        {std::int64_t{kKeptAlarms}}));
    return add_to_outbox(told_of(raised, raised.raised));
}

Result<> Store::clear_alarm(std::string_view name, WallTime when) {
    const auto rows = TRY(database_.query(
        "SELECT id, document FROM alarms WHERE name = ? AND raised = 1", {std::string(name)}));
    if (rows.empty()) return {};
    auto alarm = TRY(alarm_from(text(rows.front().back())));
    alarm.cleared = when;
    TRY(database_.query("UPDATE alarms SET raised = 0, document = ? WHERE id = ?",
                        {to_document(alarm), number(rows.front().front())}));
    return add_to_outbox(told_of(alarm, when));
}

Result<std::optional<std::string>> Store::manifest(std::string_view digest) {
    const auto rows =
        TRY(database_.query("SELECT json FROM manifests WHERE digest = ?", {std::string(digest)}));
    if (rows.empty()) return std::optional<std::string>();
    return std::optional(text(rows.front().front()));
}

Result<std::vector<std::string>> Store::manifests() {
    std::vector<std::string> result;
    for (const auto& row : TRY(database_.query("SELECT json FROM manifests ORDER BY rowid")))
        result.push_back(text(row.front()));
    return result;
}

Result<> Store::put_manifest(std::string_view digest, std::string_view json) {
    TRY(database_.query("INSERT OR REPLACE INTO manifests VALUES(?, ?)",
                        {std::string(digest), std::string(json)}));
    std::set<std::string> needed;
    for (const auto& generation : TRY(generations())) {
        needed.insert(generation.base.digest);
        for (const auto& package : generation.packages) needed.insert(package.digest);
    }
    std::size_t newer = 0;
    for (const auto& row : TRY(database_.query("SELECT digest FROM manifests ORDER BY rowid DESC")))
        if (++newer > kKeptManifests && !needed.contains(text(row.front())))
            TRY(database_.query("DELETE FROM manifests WHERE digest = ?", {row.front()}));
    return {};
}

Result<bool> Store::was_previewed(std::string_view plan_hash) {
    return !TRY(database_.query("SELECT 1 FROM previews WHERE plan_hash = ?",
                                {std::string(plan_hash)}))
                .empty();
}

Result<> Store::put_preview(std::string_view plan_hash, WallTime when) {
    TRY(database_.query("INSERT OR REPLACE INTO previews VALUES(?, ?)",
                        {std::string(plan_hash), count(when)}));
    TRY(
        database_.query("DELETE FROM previews WHERE plan_hash NOT IN "
                        "(SELECT plan_hash FROM previews ORDER BY time DESC LIMIT ?)",
                        {std::int64_t{kKeptPreviews}}));
    return {};
}

Result<std::uint32_t> Store::epoch() {
    return static_cast<std::uint32_t>(parse_number(TRY(meta("epoch"))));
}
Result<> Store::set_epoch(std::uint32_t epoch) { return set_meta("epoch", std::to_string(epoch)); }

Result<WallTime> Store::newest_signing_time() {
    return wall(parse_number(TRY(meta("newest_signing_time"))));
}
Result<> Store::set_newest_signing_time(WallTime time) {
    return set_meta("newest_signing_time", std::to_string(count(time)));
}

}  // namespace cutover
