#include "doors/metrics/device_metrics.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <prometheus/metric_family.h>
#include <prometheus/metric_type.h>
#include <string>
#include <string_view>
#include <sys/statvfs.h>
#include <utility>
#include <vector>

#include "doors/metrics/family.h"
#include "doors/metrics/operation_tally.h"
#include "doors/metrics/process_figures.h"
#include "model/device.h"
#include "model/event.h"
#include "model/generation.h"
#include "model/operation.h"
#include "model/slot.h"

namespace cutover {
namespace {

// The ends of operations; every kind has a series for each, from the beginning.
constexpr std::array kEnds{OperationState::done, OperationState::failed, OperationState::cancelled,
                           OperationState::refused};
constexpr std::array kSeverities{Severity::critical, Severity::major, Severity::minor,
                                 Severity::warning, Severity::indeterminate};

std::string named(auto value) { return std::string(to_string(value)); }

double seconds(std::uint64_t milliseconds) { return static_cast<double>(milliseconds) / 1000; }

// "trial 1 of 2" and "fallback: trial exhausted" are one reason each, however they go on.
std::string in_a_word(std::string_view reason) {
    return std::string(reason.substr(0, reason.find_first_of(" :")));
}

void add_what_it_is(const DeviceState& state, Families& families) {
    gauge("cutover_agent_info", "The version of the agent; always 1.")
        .add(1, {{"version", state.agent_version}})
        .into(families);
    gauge("cutover_device_info", "What the device is; always 1.")
        .add(1, {{"device", state.device_name},
                 {"hardware", state.hardware},
                 {"serial", state.serial},
                 {"uuid", state.uuid}})
        .into(families);
    gauge("cutover_boot_info", "Why the slot was booted that runs; always 1.")
        .add(1, {{"reason", in_a_word(state.boot_reason)}})
        .into(families);
    gauge("cutover_security_epoch", "The security epoch below which no package is installed.")
        .add(state.epoch)
        .into(families);
}

void add_generations(const DeviceState& state, Families& families) {
    const std::array<std::pair<const char*, GenerationId>, 3> marks{
        {{"running", state.marks.running},
         {"startup", state.marks.startup},
         {"committed", state.marks.committed}}};
    auto bases = gauge("cutover_base_info", "The base that a mark points at; always 1.");
    auto ids = gauge("cutover_generation", "The generation that a mark points at.");
    for (const auto& [mark, id] : marks) {
        ids.add(static_cast<double>(id), {{"mark", mark}});
        const auto found = std::ranges::find(state.generations, id, &Generation::id);
        if (found == state.generations.end()) continue;
        bases.add(
            1,
            {{"mark", mark}, {"name", found->base.name}, {"version", found->base.version.text()}});
    }
    bases.into(families);
    ids.into(families);
}

void add_slots(const DeviceState& state, Families& families) {
    auto slots = gauge("cutover_slot_info", "What a slot holds; always 1.");
    auto active = gauge("cutover_slot_active", "1 for the slot that runs, else 0.");
    for (const auto& slot : state.slots) {
        slots.add(1, {{"slot", named(slot.slot)},
                      {"state", named(slot.state)},
                      {"name", slot.holds ? slot.holds->name : ""},
                      {"version", slot.holds ? slot.holds->version.text() : ""}});
        active.add(slot.slot == state.active_slot ? 1 : 0, {{"slot", named(slot.slot)}});
    }
    slots.into(families);
    active.into(families);
}

// How many of each state there are, the given states also when there are none.
void add_counts(FamilyMaker family, const std::map<std::string, int>& counts, const char* label,
                Families& families) {
    for (const auto& [value, count] : counts) family.add(count, {{label, value}});
    family.into(families);
}

void add_parts(const DeviceState& state, Families& families) {
    std::map<std::string, int> packages;
    for (int number = 0; number <= static_cast<int>(PackageState::leaving); ++number)
        packages[named(static_cast<PackageState>(number))] = 0;
    for (const auto& package : state.packages) ++packages[named(package.state)];
    add_counts(gauge("cutover_packages", "Packages on the device, by state."), packages, "state",
               families);
    // What a back-end calls states may be any word: known ones only, and the others together.
    std::map<std::string, int> services{{"running", 0},  {"ended", 0},   {"failed", 0},
                                        {"starting", 0}, {"stopped", 0}, {"other", 0}};
    for (const auto& service : state.services)
        ++(services.contains(service.state) ? services[service.state] : services["other"]);
    add_counts(gauge("cutover_services", "Services of the running software, by state."), services,
               "state", families);
    std::map<std::string, int> health{{"healthy", 0}, {"unhealthy", 0}};
    for (const auto& check : state.health) ++health[check.healthy ? "healthy" : "unhealthy"];
    add_counts(gauge("cutover_health_checks", "Health checks, by the result of the last round."),
               health, "result", families);
    auto alarms = gauge("cutover_alarms", "Alarms that are raised, by severity.");
    for (const auto severity : kSeverities)
        alarms.add(
            static_cast<double>(std::ranges::count(state.alarms, severity, &Alarm::severity)),
            {{"severity", named(severity)}});
    alarms.into(families);
    counter("cutover_events_total", "Events since the device was made.")
        .add(static_cast<double>(state.last_event))
        .into(families);
}

void add_current(const MetricsSnapshot& snapshot, Families& families) {
    const auto& current = snapshot.state.current;
    gauge("cutover_operation_running", "1 while an operation is at work, else 0.")
        .add(current ? 1 : 0)
        .into(families);
    counter("cutover_step_bytes_total",
            "Bytes that steps of operations, such as the writing of a slot, have worked through "
            "since the agent was started.")
        .add(static_cast<double>(snapshot.step_bytes))
        .into(families);
    if (!current) return;
    gauge("cutover_operation_id", "The number of the operation at work.")
        .add(static_cast<double>(current->id))
        .into(families);
    gauge("cutover_operation_stage_info", "The operation at work; always 1.")
        .add(1, {{"kind", named(current->request.kind)},
                 {"state", named(current->state)},
                 {"stage", named(current->stage)}})
        .into(families);
    gauge("cutover_operation_start_timestamp_seconds", "When the operation at work has begun.")
        .add(current->started)
        .into(families);
    if (current->commit_deadline)
        gauge("cutover_trial_deadline_timestamp_seconds",
              "Until when the operation at work waits for a commit; then it falls back.")
            .add(*current->commit_deadline)
            .into(families);
    const auto& progress = snapshot.progress;
    if (!progress || progress->operation != current->id) return;
    gauge("cutover_operation_step_done_bytes", "What the step at work has done.")
        .add(static_cast<double>(progress->done_bytes))
        .into(families);
    gauge("cutover_operation_step_size_bytes", "What the step at work has to do; 0: not known.")
        .add(static_cast<double>(progress->total_bytes))
        .into(families);
    gauge("cutover_operation_step_bytes_per_second", "How fast the step at work is.")
        .add(static_cast<double>(progress->bytes_per_second))
        .into(families);
}

prometheus::MetricFamily durations_of(const OperationTally& tally) {
    prometheus::MetricFamily family{
        .name = "cutover_operation_duration_seconds",
        .help = "How long operations took, from their start to their end, by kind.",
        .type = prometheus::MetricType::Histogram,
        .metric = {}};
    for (const auto& [kind, durations] : tally.durations) {
        auto& metric = family.metric.emplace_back();
        metric.label = {{"kind", named(kind)}};
        auto& histogram = metric.histogram;
        for (std::size_t i = 0; i < durations.counts.size(); ++i) {
            histogram.sample_count += durations.counts.at(i);
            const bool last = i == DurationCounts::kBounds.size();
            histogram.bucket.push_back({.cumulative_count = histogram.sample_count,
                                        .upper_bound = last
                                                           ? std::numeric_limits<double>::infinity()
                                                           : DurationCounts::kBounds.at(i)});
        }
        histogram.sample_sum = seconds(durations.sum_ms);
    }
    return family;
}

void add_history(const OperationTally& tally, Families& families) {
    auto ended =
        counter("cutover_operations_total",
                "Operations that have ended since the device was made, by kind and result.");
    // The kinds from the first to the last.
    for (int number = 0; number <= static_cast<int>(OperationKind::reload); ++number)
        for (const auto end : kEnds) {
            const auto kind = static_cast<OperationKind>(number);
            const auto found = tally.ended.find({kind, end});
            const auto count = found == tally.ended.end() ? 0 : found->second;
            ended.add(static_cast<double>(count), {{"kind", named(kind)}, {"result", named(end)}});
        }
    ended.into(families);
    if (!tally.durations.empty()) families.push_back(durations_of(tally));
    counter("cutover_fallbacks_total",
            "Operations that went back to the base before after a reboot into the new one.")
        .add(static_cast<double>(tally.fallbacks))
        .into(families);
    counter("cutover_operation_reboots_total", "Reboots that operations have made.")
        .add(static_cast<double>(tally.reboots))
        .into(families);
    counter("cutover_operation_interruption_seconds_total",
            "For how long operations have interrupted services.")
        .add(seconds(tally.interruption_ms))
        .into(families);
    counter("cutover_agent_starts_total",
            "Starts of the agent, by boots of the device or otherwise, since it has metrics.")
        .add(static_cast<double>(tally.agent_starts))
        .into(families);
}

void add_space(const MetricsSnapshot& snapshot, Families& families) {
    gauge("cutover_standby_available_bytes",
          "What a new base may take in the standby slot; 0: not known.")
        .add(static_cast<double>(snapshot.state.standby_bytes))
        .into(families);
    struct statvfs space{};
    if (::statvfs(snapshot.folder.c_str(), &space) != 0) return;
    const auto block = static_cast<double>(space.f_frsize);
    gauge("cutover_data_free_bytes",
          "Free space for layers, obtained packages and records: of the device's folder.")
        .add(static_cast<double>(space.f_bavail) * block)
        .into(families);
    gauge("cutover_data_size_bytes", "The size of that file system.")
        .add(static_cast<double>(space.f_blocks) * block)
        .into(families);
}

void add_outbox(const DeliveryFigures& delivery, Families& families) {
    gauge("cutover_outbox_waiting_events", "Events that wait for delivery to the message bus.")
        .add(static_cast<double>(delivery.waiting))
        .into(families);
    counter("cutover_outbox_dropped_events_total",
            "Events dropped since the device was made, because too many waited.")
        .add(static_cast<double>(delivery.dropped))
        .into(families);
    gauge("cutover_outbox_delivering", "1 when the last attempt to deliver went well, else 0.")
        .add(delivery.arrives ? 1 : 0)
        .into(families);
    if (delivery.oldest)
        gauge("cutover_outbox_oldest_event_timestamp_seconds", "When the oldest of them happened.")
            .add(*delivery.oldest)
            .into(families);
}

void add_agent(const MetricsSnapshot& snapshot, Families& families) {
    gauge("cutover_engine_alive",
          "1 while the engine's thread says that it is at work, and watchdogs are fed; else 0.")
        .add(snapshot.engine_alive ? 1 : 0)
        .into(families);
    gauge("cutover_watchdog_configured", "1 when device.toml names a hardware watchdog, else 0.")
        .add(snapshot.watchdog ? 1 : 0)
        .into(families);
    const auto process = process_figures();
    const auto add = [&families](FamilyMaker family, double value) {
        family.add(value).into(families);
    };
    add(counter("process_cpu_seconds_total", "User and system time of the agent."),
        process.cpu_seconds);
    add(gauge("process_resident_memory_bytes", "Resident memory of the agent."),
        static_cast<double>(process.resident_bytes));
    add(gauge("process_virtual_memory_bytes", "Virtual memory of the agent."),
        static_cast<double>(process.virtual_bytes));
    add(gauge("process_open_fds", "Open file descriptors of the agent."),
        static_cast<double>(process.open_fds));
    add(gauge("process_max_fds", "How many of them it may have."),
        static_cast<double>(process.max_fds));
    add(gauge("process_threads", "Threads of the agent."), static_cast<double>(process.threads));
    add(gauge("process_start_time_seconds", "When the agent's process was started."),
        process.started);
}

}  // namespace

std::vector<prometheus::MetricFamily> device_metrics(const MetricsSnapshot& snapshot) {
    Families families;
    add_what_it_is(snapshot.state, families);
    add_generations(snapshot.state, families);
    add_slots(snapshot.state, families);
    add_parts(snapshot.state, families);
    add_current(snapshot, families);
    add_history(snapshot.tally, families);
    add_space(snapshot, families);
    if (snapshot.delivery) add_outbox(*snapshot.delivery, families);
    add_agent(snapshot, families);
    return families;
}

}  // namespace cutover
