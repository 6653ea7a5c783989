#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "engine/operation_log.h"
#include "engine/package_source.h"
#include "engine/ports.h"
#include "engine/recovery.h"
#include "engine/status_file.h"
#include "engine/watched_source.h"
#include "model/device.h"
#include "model/operation.h"
#include "model/plan.h"
#include "model/planner.h"
#include "platform/layers.h"
#include "store/store.h"

namespace cutover {

// Carries one operation at a time through its stages, and survives being killed between any two
// instructions: every step is journaled before and after, and start() decides by the journal and
// the boot loader whether what was cut goes on or is undone (engine/recovery.h).
//
// One thread runs it; only the functions below "From any thread" may be called from others.
class Engine {
public:
    enum class Outcome : std::uint8_t {
        idle,     // the operation is over
        reboot,   // the host was asked to restart; the agent has to end now
        stopped,  // stop() was called; the operation is as if power had been cut
    };

    explicit Engine(const Ports& ports);

    // Once, when the agent comes up: makes marks, slots and boot loader agree, then takes up or
    // undoes what was unfinished, and runs the trial of a startup that somebody else caused.
    Result<Outcome> start();

    // From its first check to its end. An operation that fails is no error here: its record says
    // so. An error means that the journal could not be written; the agent has to end.
    Result<Outcome> run(OperationId id, const Request& request);

    // The same stages with every step only described and every check only read.
    Result<Preview> preview(const Request& request);

    const OperationRecord* current() const { return record_.get(); }  // null: none is at work
    const std::vector<HealthStatus>& health() const { return health_; }
    void look_at_health();

    // While no operation is at work: starts the services of packages whose hardware has come since,
    // and stops those whose hardware has gone. True when there was something to do. An error means
    // that the journal could not be written.
    Result<bool> look_at_hardware();
    const std::vector<std::string>& present() const { return ports_.present; }

    // While no operation is at work: has services take configuration that has been committed. Those
    // that could not are tried again the next time.
    // Stops early, between two services, when there is `enough`.
    void look_at_config_changes(const std::function<bool()>& enough = {});

    // From any thread.
    Result<> cancel(OperationId id);  // undo it; refused from its commit point on
    void commit(OperationId id);      // answers an operation that awaits it
    void stop();                      // the agent ends

private:
    struct Note {
        std::string type;
        std::string text;
    };
    using Writes = std::function<Result<>()>;
    // What a step leaves to be made durable together with the news that it is done.
    struct Done {
        bool reboot = false;
        std::string detail;
        Writes writes;
        std::vector<Note> notes;
    };
    struct Prepared {
        PlanInput input;
        Plan plan;
        std::string hash;
    };

    // engine.cpp: the way of an operation
    Result<Outcome> go_on();
    Result<Outcome> step_forward();
    Result<Outcome> step_back();
    Result<Outcome> refuse(Error error);
    Result<> begin_undo(Error error);
    Result<> complete_error(Error& error, OperationState state);
    Result<> finish(OperationState state);
    void forget_files();
    void note_status(const Result<>& written);
    Result<> save(const Writes& writes = {}, std::vector<Note> notes = {});
    Result<> move_to(Stage stage);
    Result<> enter_stage(Stage stage);
    Result<> leave_stage(StageState state);
    StageRecord& stage_record(Stage stage);
    void say(std::string_view text);
    bool past_deadline() const;
    void alive(std::uint64_t bytes_on_their_way = 0) const;
    bool cancel_wished() const;
    std::stop_token renew_stop();
    bool reach_commit_point();

    // prepare.cpp: from a request to a plan
    Result<Prepared> prepare(const Request& request, const std::stop_token& stop);
    Result<> demand_preview(const Prepared& prepared);
    Result<PlanInput> snapshot(const Request& request);
    Result<> open_sources(PlanInput& input, const std::stop_token& stop);
    Result<> open_pack(PlanInput& input, OpenedPackage& pack, const std::stop_token& stop);
    std::string expected_interruption();

    // steps.cpp: what each step does, and how it is undone
    Result<Done> perform(const Step& step);
    bool is_commit_point(const Step& step) const;
    Result<Done> run_script(const Step& step, const std::vector<std::string>& command);
    Result<Done> unpack_hooks();
    Result<Done> capture_evidence(std::string_view label);
    Result<> give_slot_up(Slot slot);
    Result<Done> write_slot();
    Result<Done> record_generation();
    Result<Done> arm_trial();
    Result<Done> disarm_trial();
    Result<Done> reboot();
    Result<Done> check_trial();
    bool needs_services(const Step& step) const;
    Result<> await_services();  // those that a boot has started and are within their deadlines
    Result<Done> await_commit();
    Result<Done> compact();
    Result<Done> commit_target();
    Result<Done> repair();
    Result<Done> undo(const Step& step);
    Result<Done> undo_arming();
    Result<Done> undo_write();
    Result<> startup_is_target();
    Result<> mark_bad();
    Result<> forget_old_generations();
    Result<std::unique_ptr<OpenedPackage>> open_planned(const std::string& source,
                                                        const std::string& digest,
                                                        const std::filesystem::path& copy = {});
    WatchedSource::Watch watch(std::uint64_t total, std::string step);
    Result<> note_signing_time(WallTime signed_at);
    Result<> marks_are_kept(std::uint32_t epoch);
    Result<> end_trials();
    Result<Done> undo_layer_trial();

    // package_steps.cpp: those that concern packages on top of the base
    const Generation& kept_generation() const;
    Result<bool> runs(const Generation& generation) const;
    Result<Done> write_layer(const Step& step);
    Result<Done> prepare_view();
    Result<std::string> switch_to(const LayerStack& from, const LayerStack& to);
    Result<Done> switch_view();
    Result<Done> undo_switch();
    Result<Done> hold();
    Result<Done> record_packages();
    Result<> put_depot();
    Result<> forget_layers();

    // package_files.cpp: packages as they came, for backups
    std::filesystem::path kept_file(const std::string& digest) const;
    std::filesystem::path copy_to_begin();
    void keep_copy(OpenedPackage& package);
    void forget_package_files(const std::set<std::string>& needed);

    // config_steps.cpp: configuration that YANG modules describe
    Result<> use_configuration();
    Result<> look_at_configuration();
    Result<> keep_config_texts(const OpenedPackage& package, const std::filesystem::path& folder);
    Result<Done> upgrade_config();

    // config_wait.cpp: what is open before the configuration is held, and holding it
    Result<> await_configuration();
    Result<> await_work(SteadyTime begun,
                        const std::function<Result<std::vector<std::string>>()>& open);
    void hold_configuration();
    void free_configuration();

    // backup_steps.cpp: backups, made and restored
    Result<> open_backup(PlanInput& input, const std::stop_token& stop) const;
    Result<> open_backup_packages(PlanInput& input, const std::stop_token& stop) const;
    std::filesystem::path unpacked_backup() const;
    Result<Done> create_backup();
    Result<Done> stage_backup(const Step& step);
    Result<Done> restore_database();
    Result<Done> restore_files();

    // reset_steps.cpp: a factory reset
    Result<Done> order_reset();
    Result<Done> strip();
    Result<Done> forget();
    Result<> forget_records(Slot standby);

    // hardware.cpp: what comes and goes below the packages
    std::vector<std::string> served_hardware() const;

    // resume.cpp: after a boot or a restart of the agent
    Result<> reconcile_slots(const BootStatus& boot);
    Result<> reconcile_running(const BootStatus& boot);
    Result<> reconcile_marks();
    Result<> reconcile_layers();
    Result<> forget_held();
    Result<Outcome> resume(OperationRecord record, const BootStatus& boot);
    Result<Outcome> after_boot(const BootStatus& boot);
    Result<Request> request_of_startup(const Generation& target);
    Result<Outcome> try_startup(const Generation& target, bool booted);
    Position position(const OperationRecord& record) const;
    Result<Found> look(const OperationRecord& record, const BootStatus& boot) const;
    std::vector<Note> note_reboot();

    Ports ports_;
    StatusFile status_file_;
    std::unique_ptr<OperationRecord> record_;  // of the operation at work
    std::optional<OperationLog> log_;
    std::vector<HealthStatus> health_;
    std::set<std::string> config_due_;  // services that are still to take what runs
    SteadyTime operation_begun_{};
    SteadyTime stage_begun_{};

    std::atomic<OperationId> cancel_wished_ = 0;
    std::atomic<OperationId> commit_wished_ = 0;
    std::atomic<bool> stopping_ = false;
    std::mutex stop_mutex_;  // guards the next three
    std::stop_source stop_source_;
    OperationId stoppable_ = 0;   // whose work a cancel may stop: none once it is past the commit
    OperationId committing_ = 0;  // the operation that is past its commit point
    std::stop_token stop_;        // of the operation at work
};

}  // namespace cutover
