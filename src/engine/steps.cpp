// What each step of a plan does, and how it is undone. Every effect may be a repetition.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <fmt/format.h>

#include "base/clock.h"
#include "base/counted.h"
#include "base/error.h"
#include "base/files.h"
#include "base/process.h"
#include "engine/engine.h"
#include "engine/errors.h"
#include "engine/evidence.h"
#include "engine/package_source.h"
#include "engine/ports.h"
#include "engine/watched_source.h"
#include "model/generation.h"
#include "model/manifest.h"
#include "model/operation.h"
#include "model/plan.h"
#include "model/planner.h"
#include "model/slot.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr auto kUndoAlarm = "undo-incomplete";

std::string name_of(const PackageRef& package) {
    return fmt::format("{} {}", package.name, package.version.text());
}

bool holds(const std::vector<PlannedLayer>& packages, const std::string& digest) {
    return std::ranges::any_of(
        packages, [&](const PlannedLayer& one) { return one.package.digest == digest; });
}

}  // namespace

Result<Engine::Done> Engine::perform(const Step& step) {
    if (needs_services(step)) TRY(await_services());
    switch (step.kind) {
        case StepKind::script: return run_script(step, step.command);
        case StepKind::hook: {
            const auto folder =
                ports_.folder / "tmp" / fmt::format("operation-{}", record_->operation.id);
            return run_script(step, {(folder / step.argument).string()});
        }
        case StepKind::unpack_hooks: return unpack_hooks();
        case StepKind::capture_evidence: return capture_evidence(step.argument);
        case StepKind::write_slot: return write_slot();
        case StepKind::carry_persistent: {
            const auto target = record_->plan.target.slot;
            TRY(ports_.slots.carry_persistent(other(target), target, record_->plan.persist));
            return Done{.detail = counted(record_->plan.persist.size(), "persistent path") +
                                  " carried over"};
        }
        case StepKind::record_generation: return record_generation();
        case StepKind::arm_trial: return arm_trial();
        case StepKind::disarm_trial: return disarm_trial();
        case StepKind::reboot: return reboot();
        case StepKind::check_trial: return check_trial();
        case StepKind::await_commit: return await_commit();
        case StepKind::commit: return commit_target();
        case StepKind::repair: return repair();
        case StepKind::write_layer: return write_layer(step);
        case StepKind::prepare_view: return prepare_view();
        case StepKind::switch_view: return switch_view();
        case StepKind::hold: return hold();
        case StepKind::record_packages: return record_packages();
        case StepKind::order_reset: return order_reset();
        case StepKind::strip: return strip();
        case StepKind::forget: return forget();
        case StepKind::upgrade_config: return upgrade_config();
        case StepKind::create_backup: return create_backup();
        case StepKind::stage_backup: return stage_backup(step);
        case StepKind::restore_database: return restore_database();
        case StepKind::restore_files: return restore_files();
        case StepKind::compact: return compact();
    }
    std::unreachable();
}

// Whether what this step does can no longer be taken back.
bool Engine::is_commit_point(const Step& step) const {
    const auto has = [&](StepKind kind) {
        return std::ranges::find(record_->plan.steps, kind, &Step::kind) !=
               record_->plan.steps.end();
    };
    switch (step.kind) {
        case StepKind::commit:
        case StepKind::disarm_trial:
        case StepKind::hold:
        case StepKind::record_packages:
        case StepKind::order_reset:
        case StepKind::restore_database:
        case StepKind::repair: return true;
        case StepKind::record_generation:
            return !has(StepKind::arm_trial) && !has(StepKind::switch_view) &&
                   !has(StepKind::commit);
        case StepKind::arm_trial: return !has(StepKind::reboot);
        case StepKind::reboot: return !has(StepKind::arm_trial);
        case StepKind::script:
        case StepKind::hook:
        case StepKind::unpack_hooks:
        case StepKind::capture_evidence:
        case StepKind::write_slot:
        case StepKind::carry_persistent:
        case StepKind::write_layer:
        case StepKind::prepare_view:
        case StepKind::switch_view:
        case StepKind::check_trial:
        case StepKind::strip:
        case StepKind::forget:
        case StepKind::upgrade_config:
        case StepKind::create_backup:
        case StepKind::stage_backup:
        case StepKind::restore_files:
        case StepKind::compact:
        case StepKind::await_commit: return false;
    }
    std::unreachable();
}

Result<Engine::Done> Engine::run_script(const Step& step, const std::vector<std::string>& command) {
    const auto& operation = record_->operation;
    const auto generations = TRY(ports_.store.generations());
    const auto* const from = find_generation(generations, operation.from);
    const auto& target = record_->plan.target;
    auto environment = ports_.host.environment();
    environment.insert({
        {"CUTOVER_OPERATION", std::to_string(operation.id)},
        {"CUTOVER_KIND", std::string(to_string(operation.request.kind))},
        {"CUTOVER_MODE", "upgrade"},
        {"CUTOVER_STAGE", std::string(to_string(step.stage))},
        {"CUTOVER_FROM", from ? from->base.version.text() : ""},
        {"CUTOVER_TO", target.base.name.empty() ? "" : target.base.version.text()},
        {"CUTOVER_SLOT", target.base.name.empty() ? "" : std::string(to_string(target.slot))},
        {"CUTOVER_DEVICE", ports_.folder.string()},
    });
    auto result = run_process({.command = command,
                               .folder = ports_.folder,
                               .environment = std::move(environment),
                               .timeout = ports_.config.script_timeout},
                              stop_);
    if (!result)
        return fail(errors::stage_script_failed, "script {}: {}", step.name, result.error().text());
    say(result->output);
    if (result->exit_code != 0) {
        auto error = make_error(
            errors::stage_script_failed,
            fmt::format("script {} ended with exit code {}", step.name, result->exit_code));
        error.set_cause(result->output.substr(0, 500));
        return std::unexpected(std::move(error));
    }
    return Done{};
}

Result<std::unique_ptr<OpenedPackage>> Engine::open_planned(const std::string& source,
                                                            const std::string& digest,
                                                            const std::filesystem::path& copy) {
    const auto not_before = TRY(ports_.store.newest_signing_time());
    auto package =
        TRY(copy.empty() ? ports_.packages.open(source, not_before, stop_)
                         : ports_.packages.open_copying(source, not_before, stop_, copy));
    if (package->digest() != digest)
        return fail(errors::operation_package_changed, "{} is another package than the one planned",
                    source);
    return package;
}

WatchedSource::Watch Engine::watch(std::uint64_t total, std::string step) {
    return {.clock = ports_.clock,
            .stop = stop_,
            .deadline = operation_begun_ + ports_.config.operation_timeout,
            .report = [this, total, step = std::move(step)](std::uint64_t done,
                                                            std::uint64_t per_second) {
                alive(done < total ? 0 : total);
                ports_.observer.on_progress({.operation = record_->operation.id,
                                             .stage = Stage::install,
                                             .step = step,
                                             .done_bytes = done,
                                             .total_bytes = total,
                                             .bytes_per_second = per_second});
            }};
}

Result<> Engine::note_signing_time(WallTime signed_at) {
    if (signed_at <= TRY(ports_.store.newest_signing_time())) return {};
    return ports_.store.set_newest_signing_time(signed_at);
}

Result<Engine::Done> Engine::unpack_hooks() {
    const auto folder = ports_.folder / "tmp" / fmt::format("operation-{}", record_->operation.id);
    TRY(remove_tree(folder));
    const auto& plan = record_->plan;
    std::vector<PlannedLayer> packages = plan.layers;
    if (!plan.source.empty())
        packages.push_back({.package = {.digest = plan.manifest_digest}, .source = plan.source});
    for (const auto& step : plan.steps) {  // what was obtained before, from the file that was kept
        const auto digest = step.argument.substr(0, step.argument.find('/'));
        if (step.kind != StepKind::hook || holds(packages, digest)) continue;
        packages.push_back({.package = {.digest = digest}, .source = kept_file(digest).string()});
    }
    for (const auto& package : packages) {
        const auto own = folder / package.package.digest;
        TRY(make_folders(own));
        const auto opened = TRY(open_planned(package.source, package.package.digest));
        TRY(opened->unpack_hooks(own));
        TRY(keep_config_texts(*opened, own));
    }
    return Done{};
}

// Evidence that cannot be written is a pity, and no reason to give an operation up.
Result<Engine::Done> Engine::capture_evidence(std::string_view label) {
    const auto differing = Evidence(ports_, record_->operation.id).capture(label, stop_);
    if (!differing) {
        record_->operation.warnings.push_back(
            fmt::format("evidence {}: {}", label, differing.error().text()));
        say(record_->operation.warnings.back());
    } else if (label != "before") {
        say(fmt::format("evidence: {} entries differ\n{}", differing->entries, differing->report));
    }
    return Done{};
}

// From here the slot claims nothing, what was in it cannot be gone back to, and no boot tries it:
// power may be cut while it is half written.
Result<> Engine::give_slot_up(Slot slot) {
    if (TRY(ports_.boot.status()).trial == slot) TRY(ports_.boot.end_trial());
    return save([&]() -> Result<> {
        auto marks = TRY(ports_.store.marks());
        TRY(ports_.store.put_slot({.slot = slot, .state = SlotState::writing}));
        for (auto& generation : TRY(ports_.store.generations())) {
            if (!generation.kept || generation.slot != slot) continue;
            generation.kept = false;
            TRY(ports_.store.put_generation(generation));
            if (marks.startup == generation.id) marks.startup = marks.running;
        }
        return ports_.store.set_marks(marks);
    });
}

Result<Engine::Done> Engine::write_slot() {
    const auto& target = record_->plan.target;
    auto package = TRY(open_planned(record_->plan.source, record_->plan.manifest_digest));
    const auto content = TRY(package->content());
    TRY(give_slot_up(target.slot));

    const auto total = package->manifest().payload.content_bytes;
    const auto begun = ports_.clock.steady();
    WatchedSource watched(*content,
                          watch(total, fmt::format("write slot {}", to_string(target.slot))));
    TRY(ports_.slots.write(target.slot, package->manifest(), watched), "write slot {}",
        to_string(target.slot));
    const auto took = std::chrono::duration_cast<milliseconds>(ports_.clock.steady() - begun);
    return Done{.detail = fmt::format("slot {}, {} in {}", to_string(target.slot),
                                      human_size(total), human_duration(took)),
                .writes = [this, signed_at = package->signed_at()] {
                    return note_signing_time(signed_at);
                }};
}

Result<Engine::Done> Engine::record_generation() {
    auto& record = *record_;
    const auto& plan = record.plan;
    const bool base = !plan.source.empty();
    const bool last = is_commit_point({.kind = StepKind::record_generation});
    std::string json;
    if (base) json = to_json(TRY(ports_.slots.manifest(plan.target.slot)));
    const auto holds =
        fmt::format("slot {} holds {}", to_string(plan.target.slot), name_of(plan.target.base));
    std::vector<Note> notes;
    if (base) notes.push_back({"slot.installed", holds});
    return Done{.detail = base ? holds : record.plan.subject,
                .writes = [this, json, base, last]() -> Result<> {
                    auto& target = record_->plan.target;
                    auto& startup = record_->plan.startup;
                    if (target.id == 0) target.id = TRY(ports_.store.add_generation(target));
                    if (startup && startup->id == 0)
                        startup->id = TRY(ports_.store.add_generation(*startup));
                    record_->operation.to = target.id;
                    record_->committed = last;
                    if (!base) return {};
                    TRY(ports_.store.put_manifest(target.base.digest, json));
                    return ports_.store.put_slot({.slot = target.slot,
                                                  .state = SlotState::installed,
                                                  .holds = target.base,
                                                  .committed_once = false});
                },
                .notes = std::move(notes)};
}

// Keeps the records of those that their slot would boot, those that a mark points to, and the
// newest ones.
Result<> Engine::forget_old_generations() {
    const auto marks = TRY(ports_.store.marks());
    const auto generations = TRY(ports_.store.generations());
    auto surplus = static_cast<std::ptrdiff_t>(generations.size()) -
                   static_cast<std::ptrdiff_t>(ports_.config.keep_generations);
    // Going to and fro leaves many of the same software: of those the older ones go first, for what
    // they hold is not lost with them.
    auto oldest_first = generations;
    std::ranges::stable_partition(oldest_first, [&](const Generation& generation) {
        return std::ranges::any_of(generations, [&](const Generation& later) {
            return later.id > generation.id && later.kept && later.committed_once &&
                   later.slot == generation.slot && later.base == generation.base &&
                   later.packages == generation.packages &&
                   later.update_level == generation.update_level;
        });
    });
    for (const auto& generation : oldest_first) {
        if (surplus-- <= 0) break;
        const auto* const booted = generation_in(generations, generation.slot);
        const bool needed = generation.id == marks.running || generation.id == marks.startup ||
                            generation.id == marks.committed ||
                            (booted && booted->id == generation.id);
        if (!needed) TRY(ports_.store.remove_generation(generation.id));
    }
    return {};
}

Result<Engine::Done> Engine::repair() {
    TRY(reconcile_slots(TRY(ports_.boot.status())));
    TRY(reconcile_marks());
    const auto boot = TRY(ports_.boot.status());
    const auto generations = TRY(ports_.store.generations());
    const auto marks = TRY(ports_.store.marks());
    const auto* const committed = find_generation(generations, marks.committed);
    const bool agree = committed && committed->slot == boot.committed;
    if (agree && !boot.trial) TRY(ports_.boot.confirm(boot.committed));  // writes the record anew
    say(fmt::format("boot loader starts slot {}, committed is generation {}",
                    to_string(boot.committed), marks.committed));
    return Done{.detail = agree ? "boot record, slots and marks agree"
                                : "no generation that is known is in the slot that boots",
                .writes = [this]() -> Result<> {
                    record_->committed = true;
                    TRY(ports_.store.clear_alarm(kUndoAlarm, ports_.clock.wall()));
                    return {};
                }};
}

Result<Engine::Done> Engine::undo(const Step& step) {
    switch (step.kind) {
        case StepKind::arm_trial: return undo_arming();
        case StepKind::switch_view: return undo_switch();
        case StepKind::write_slot: return undo_write();
        case StepKind::record_generation:
            return Done{.writes = [this]() -> Result<> {
                auto& plan = record_->plan;
                auto& target = plan.target;
                if (record_->on_new_base || target.id == 0) return {};
                if (plan.startup && plan.startup->id > 0 && !plan.startup->committed_once) {
                    TRY(ports_.store.remove_generation(plan.startup->id));
                    plan.startup->id = 0;
                }
                if (target.id != record_->operation.from) {
                    TRY(ports_.store.remove_generation(target.id));
                    target.id = 0;
                }
                record_->operation.to = 0;
                if (plan.source.empty()) return {};
                return ports_.store.put_slot({.slot = target.slot, .state = SlotState::writing});
            }};
        case StepKind::script:
        case StepKind::hook:
        case StepKind::unpack_hooks:
        case StepKind::capture_evidence:
        case StepKind::carry_persistent:
        case StepKind::disarm_trial:
        case StepKind::reboot:
        case StepKind::check_trial:
        case StepKind::await_commit:
        case StepKind::commit:
        case StepKind::repair:
        case StepKind::write_layer:  // what nothing refers to is erased at the end
        case StepKind::prepare_view:
        case StepKind::hold:
        case StepKind::record_packages:
        case StepKind::order_reset:  // what is ordered is carried out
        case StepKind::strip:
        case StepKind::upgrade_config:  // nobody begins with what was made
        case StepKind::create_backup:
        case StepKind::stage_backup:
        case StepKind::restore_database:
        case StepKind::restore_files:
        case StepKind::compact:
        case StepKind::forget: return Done{};
    }
    std::unreachable();
}

// A base that has run keeps its slot, so that it can be looked at or tried again.
Result<Engine::Done> Engine::undo_write() {
    if (record_->on_new_base) return Done{};
    const auto slot = record_->plan.target.slot;
    const auto slots = TRY(ports_.store.slots());
    const auto state = std::ranges::find(slots, slot, &SlotStatus::slot)->state;
    if (state == SlotState::installed || state == SlotState::bad) return Done{};  // not yet touched
    TRY(ports_.slots.erase(slot));
    return Done{.writes = [this, slot] {
        return ports_.store.put_slot({.slot = slot, .state = SlotState::empty});
    }};
}

}  // namespace cutover
