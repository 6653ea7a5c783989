#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "model/event.h"
#include "model/generation.h"
#include "model/operation.h"
#include "model/plan.h"
#include "store/database.h"
#include "store/outbox.h"

namespace cutover {

// An operation with what is needed to take it up again after a cut.
struct OperationRecord {
    Operation operation;
    Plan plan;
    int cursor = 0;      // the step at work; all before it are done (or undone, on the way back)
    bool begun = false;  // whether that step may have had effects
    bool undoing = false;
    bool committed = false;    // past the commit point: it will be finished, not undone
    bool cancelled = false;    // why it is undone: somebody asked
    bool on_new_base = false;  // the target has run, so its slot is kept on the way back
    std::string boot_id;       // of the boot in which the reboot was asked for
    WallTime reboot_asked{};
    bool operator==(const OperationRecord&) const = default;
};

// Everything a device remembers but its boot record, in one database. Reading is always of the last
// committed state; writing goes through transact(). One thread.
class Store {
public:
    static constexpr int kKeptOperations = 500;

    static Result<Store> open(const std::filesystem::path& file);

    Result<Marks> marks();
    Result<std::vector<Generation>> generations();  // oldest first
    Result<std::vector<SlotStatus>> slots();        // A, then B
    Result<std::optional<OperationRecord>> open_operation();
    Result<std::vector<Operation>> operations(int max_count);  // newest first
    Result<OperationId> last_operation();
    Result<std::vector<Event>> events(int max_count);  // the last ones, oldest first
    Result<std::vector<Alarm>> alarms();               // raised and cleared, oldest first
    Result<std::optional<std::string>> manifest(std::string_view digest);  // its JSON
    Result<std::vector<std::string>> manifests();
    Result<Depot> depot();
    Result<bool> was_previewed(std::string_view plan_hash);
    Result<std::uint32_t> epoch();
    Result<std::string> factory_base();      // digest of the first base; empty: not known any more
    Result<WallTime> newest_signing_time();  // the floor of what the clock can be

    // What is written inside `body` becomes durable together when it returns well, or not at all.
    Result<> transact(const std::function<Result<>()>& body);

    struct Delivery {
        std::int64_t max_waiting = 10'000;
        std::function<void()> on_added = {};  // after the transaction; must not block
    };
    // From now on what add_event(), raise_alarm() and clear_alarm() write down is put into the
    // outbox as well, by the same transaction.
    void deliver(Delivery delivery) { delivery_ = std::move(delivery); }
    // Kept for delivery only, and without waiting for the disk: yesterday's percentage may be lost.
    Result<> add_progress(const Progress& progress, WallTime when);
    Result<> forget_undelivered();

    Result<> set_marks(const Marks& marks);
    Result<GenerationId> add_generation(const Generation& generation);  // gives it its id
    Result<> put_generation(const Generation& generation);
    Result<> remove_generation(GenerationId id);
    Result<> put_slot(const SlotStatus& slot);
    Result<> put_operation(const OperationRecord& record);
    Result<> add_journal(OperationId operation, int step, std::string_view what, WallTime time);
    Result<Event> add_event(const Event& event);  // gives it its sequence number
    // One alarm of a name is raised at a time: raising again updates it, keeping when it was
    // raised.
    Result<> raise_alarm(const Alarm& alarm);
    Result<> clear_alarm(std::string_view name, WallTime when);  // also when none is raised
    // Keeps those of the generations, and the newest others.
    Result<> put_manifest(std::string_view digest, std::string_view json);
    Result<> put_depot(const Depot& depot);
    Result<> put_preview(std::string_view plan_hash, WallTime when);
    // Inside a transaction: all that is remembered of before this operation goes, but the slots,
    // the marks, `kept`, and what protects from old software. It is as on a new device.
    Result<> forget_all_but(OperationId operation, GenerationId kept);
    // The database of a backup, from which restore_configuration() takes, inside a transaction, all
    // tables whose names begin with config_: what is in them here is replaced.
    Result<> attach_backup(const std::filesystem::path& file);
    Result<> restore_configuration();
    void detach_backup();  // also when none is attached
    Result<> set_epoch(std::uint32_t epoch);
    Result<> set_newest_signing_time(WallTime time);

private:
    explicit Store(Database database) : database_(std::move(database)) {}
    Result<> prepare();
    Result<std::string> meta(std::string_view key);
    Result<> set_meta(std::string_view key, std::string_view value);
    Result<> add_to_outbox(OutboxEvent event);

    std::optional<Delivery> delivery_;
    bool added_ = false;  // to the outbox, by the transaction at work
    Database database_;
};

}  // namespace cutover
