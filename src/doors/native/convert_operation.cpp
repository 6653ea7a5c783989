#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/utf8.h"
#include "cutover/v1/device.pb.h"
#include "doors/native/convert.h"
#include "doors/native/convert_values.h"
#include "doors/native/errors.h"
#include "model/device.h"
#include "model/event.h"
#include "model/operation.h"
#include "model/package_kind.h"

namespace cutover::wire {
namespace {

// Bounds on what a client may ask for: far above any sensible request, and small.
constexpr int kMaxSources = 64;
constexpr int kMaxForced = 64;
constexpr std::size_t kMaxSourceBytes = 4096;
constexpr std::size_t kMaxNameBytes = 256;
constexpr auto kLongestTrial = std::chrono::hours(24 * 30);
constexpr int kMaxLogLines = 10'000;

template <typename Names>
Result<std::vector<std::string>> bounded(const Names& names, int max_count, std::size_t max_bytes,
                                         std::string_view what) {
    if (names.size() > max_count)
        return fail(errors::door_bad_request, "{} {}, at most {} are allowed", names.size(), what,
                    max_count);
    for (const std::string& name : names)
        if (name.empty() || name.size() > max_bytes || name.find('\0') != std::string::npos)
            return fail(errors::door_bad_request, "one of the {} is empty or too long", what);
    return std::vector<std::string>(names.begin(), names.end());
}

}  // namespace

// Clipped, because it travels among the headers of an answer, which are bounded.
v1::Error from(const Error& error) {
    constexpr std::size_t kMaxBytes = 8192;
    v1::Error wire;
    wire.set_kind(std::string(to_string(error.kind)));
    wire.set_id(clipped_utf8(text(error.id), kMaxNameBytes));
    wire.set_message(clipped_utf8(text(error.message), kMaxBytes));
    wire.set_cause(clipped_utf8(text(error.cause), kMaxBytes));
    wire.set_remedy(clipped_utf8(text(error.remedy), kMaxBytes));
    return wire;
}

Error to_model(const v1::Error& wire) {
    return {.kind = errc_from(wire.kind()),
            .id = wire.id(),
            .message = wire.message(),
            .cause = wire.cause(),
            .remedy = wire.remedy()};
}

v1::Request from(const Request& request) {
    v1::Request wire;
    wire.set_kind(enum_from<v1::OperationKind>(request.kind));
    for (const auto& source : request.sources) wire.add_sources(text(source));
    for (const auto& package : request.packages) wire.add_packages(text(package));
    if (request.only_kind) wire.set_only_kind(enum_from<v1::PackageKind>(*request.only_kind));
    wire.set_with_dependents(request.with_dependents);
    wire.set_mode(enum_from<v1::Mode>(request.mode));
    *wire.mutable_trial() = duration_from(request.trial);
    for (const auto& check : request.force) wire.add_force(text(check));
    wire.set_plan_hash(text(request.plan_hash));
    wire.set_generation(request.generation);
    wire.set_asked_by(text(request.asked_by));
    if (request.only_base) {
        wire.mutable_only_base()->set_name(text(request.only_base->name));
        wire.mutable_only_base()->set_version(text(request.only_base->version));
    }
    wire.set_keep_access(request.keep_access);
    wire.set_factory_base(request.factory_base);
    *wire.mutable_max_wait() = duration_from(request.max_wait);
    wire.set_end_config_work(request.end_config_work);
    wire.set_wait_for_services(request.wait_for_services);
    return wire;
}

Result<Request> to_model(const v1::Request& wire) {
    const auto trial = TRY(to_model(wire.trial()));
    if (trial.count() < 0 || trial > kLongestTrial)
        return fail(errors::door_bad_request, "a trial of {} min is not allowed",
                    std::chrono::floor<std::chrono::minutes>(trial).count());
    if (wire.plan_hash().size() > kMaxNameBytes || wire.asked_by().size() > kMaxNameBytes ||
        wire.only_base().ByteSizeLong() > kMaxNameBytes)
        return fail(errors::door_bad_request, "the plan's hash or a name is too long");
    if (wire.generation() < 0)
        return fail(errors::door_bad_request, "generation {} cannot be", wire.generation());
    Request value;
    value.kind = TRY(enum_to(wire.kind(), OperationKind::restore, "kind of operation"));
    value.sources = TRY(bounded(wire.sources(), kMaxSources, kMaxSourceBytes, "packages"));
    value.packages = TRY(bounded(wire.packages(), kMaxSources, kMaxNameBytes, "package names"));
    if (wire.has_only_kind())
        value.only_kind = TRY(enum_to(wire.only_kind(), PackageKind::pack, "kind of package"));
    value.with_dependents = wire.with_dependents();
    value.mode = TRY(enum_to(wire.mode(), Mode::next_startup, "mode"));
    value.trial = std::chrono::ceil<std::chrono::minutes>(trial);
    value.force = TRY(bounded(wire.force(), kMaxForced, kMaxNameBytes, "checks to skip"));
    value.plan_hash = wire.plan_hash();
    value.generation = wire.generation();
    value.asked_by = wire.asked_by();
    value.keep_access = wire.keep_access();
    value.factory_base = wire.factory_base();
    if (wire.has_max_wait()) value.max_wait = TRY(to_model(wire.max_wait()));
    if (value.max_wait.count() < 0 || value.max_wait > kLongestConfigWait)
        return fail(errors::door_bad_request, "a wait of {} is not allowed",
                    human_duration(value.max_wait));
    value.end_config_work = wire.end_config_work();
    value.wait_for_services = wire.wait_for_services();
    if (wire.has_only_base())
        value.only_base = {.name = wire.only_base().name(), .version = wire.only_base().version()};
    return value;
}

v1::CheckResult from(const CheckResult& check) {
    v1::CheckResult wire;
    wire.set_name(text(check.name));
    wire.set_verdict(enum_from<v1::CheckVerdict>(check.verdict));
    wire.set_detail(text(check.detail));
    if (check.error) *wire.mutable_error() = from(*check.error);
    return wire;
}

Result<CheckResult> to_model(const v1::CheckResult& wire) {
    CheckResult check;
    check.name = wire.name();
    check.verdict = TRY(enum_to(wire.verdict(), CheckVerdict::skipped, "verdict"));
    check.detail = wire.detail();
    if (wire.has_error()) check.error = to_model(wire.error());
    return check;
}

v1::PlannedStep from(const PlannedStep& step) {
    v1::PlannedStep wire;
    wire.set_stage(enum_from<v1::Stage>(step.stage));
    wire.set_order(step.order);
    wire.set_name(text(step.name));
    wire.set_description(text(step.description));
    return wire;
}

Result<PlannedStep> to_model(const v1::PlannedStep& wire) {
    PlannedStep value;
    value.stage = TRY(enum_to(wire.stage(), Stage::postexecute, "stage"));
    value.order = wire.order();
    value.name = wire.name();
    value.description = wire.description();
    return value;
}

v1::PreviewReply from(const Preview& preview) {
    v1::PreviewReply wire;
    wire.set_title(text(preview.title));
    wire.set_plan_hash(text(preview.plan_hash));
    fill(*wire.mutable_checks(), preview.checks);
    fill(*wire.mutable_steps(), preview.steps);
    wire.set_interrupts(text(preview.interrupts));
    for (const auto& note : preview.notes) wire.add_notes(text(note));
    if (preview.error) *wire.mutable_error() = from(*preview.error);
    return wire;
}

Result<Preview> to_model(const v1::PreviewReply& wire) {
    Preview preview;
    preview.title = wire.title();
    preview.plan_hash = wire.plan_hash();
    preview.checks = TRY(list<CheckResult>(wire.checks()));
    preview.steps = TRY(list<PlannedStep>(wire.steps()));
    preview.interrupts = wire.interrupts();
    preview.notes = {wire.notes().begin(), wire.notes().end()};
    if (wire.has_error()) preview.error = to_model(wire.error());
    return preview;
}

v1::StageRecord from(const StageRecord& record) {
    v1::StageRecord wire;
    wire.set_stage(enum_from<v1::Stage>(record.stage));
    wire.set_state(enum_from<v1::StageState>(record.state));
    *wire.mutable_duration() = duration_from(record.duration);
    wire.set_detail(text(record.detail));
    return wire;
}

Result<StageRecord> to_model(const v1::StageRecord& wire) {
    StageRecord value;
    value.stage = TRY(enum_to(wire.stage(), Stage::postexecute, "stage"));
    value.state = TRY(enum_to(wire.state(), StageState::undone, "stage state"));
    value.duration = TRY(to_model(wire.duration()));
    value.detail = wire.detail();
    return value;
}

v1::Operation from(const Operation& operation) {
    v1::Operation wire;
    wire.set_id(operation.id);
    wire.set_title(text(operation.title));
    *wire.mutable_request() = from(operation.request);
    wire.set_state(enum_from<v1::OperationState>(operation.state));
    wire.set_stage(enum_from<v1::Stage>(operation.stage));
    fill(*wire.mutable_stages(), operation.stages);
    fill(*wire.mutable_checks(), operation.checks);
    wire.set_plan_hash(text(operation.plan_hash));
    wire.set_from(operation.from);
    wire.set_to(operation.to);
    *wire.mutable_started() = from(operation.started);
    if (operation.ended) *wire.mutable_ended() = from(*operation.ended);
    *wire.mutable_interruption() = duration_from(operation.interruption);
    wire.set_reboots(operation.reboots);
    for (const auto& note : operation.notes) wire.add_notes(text(note));
    for (const auto& warning : operation.warnings) wire.add_warnings(text(warning));
    if (operation.error) *wire.mutable_error() = from(*operation.error);
    if (operation.commit_deadline)
        *wire.mutable_commit_deadline() = from(*operation.commit_deadline);
    return wire;
}

Result<Operation> to_model(const v1::Operation& wire) {
    Operation operation;
    operation.id = wire.id();
    operation.title = wire.title();
    operation.request = TRY(to_model(wire.request()));
    operation.state = TRY(enum_to(wire.state(), OperationState::refused, "operation state"));
    operation.stage = TRY(enum_to(wire.stage(), Stage::postexecute, "stage"));
    operation.stages = TRY(list<StageRecord>(wire.stages()));
    operation.checks = TRY(list<CheckResult>(wire.checks()));
    operation.plan_hash = wire.plan_hash();
    operation.from = wire.from();
    operation.to = wire.to();
    operation.started = TRY(to_model(wire.started()));
    operation.interruption = TRY(to_model(wire.interruption()));
    operation.reboots = wire.reboots();
    operation.notes = {wire.notes().begin(), wire.notes().end()};
    operation.warnings = {wire.warnings().begin(), wire.warnings().end()};
    if (wire.has_ended()) operation.ended = TRY(to_model(wire.ended()));
    if (wire.has_error()) operation.error = to_model(wire.error());
    if (wire.has_commit_deadline())
        operation.commit_deadline = TRY(to_model(wire.commit_deadline()));
    return operation;
}

v1::Event from(const Event& event) {
    v1::Event wire;
    wire.set_sequence(event.sequence);
    *wire.mutable_time() = from(event.time);
    wire.set_type(text(event.type));
    wire.set_operation(event.operation);
    wire.set_text(text(event.text));
    return wire;
}

Result<Event> to_model(const v1::Event& wire) {
    Event value;
    value.sequence = wire.sequence();
    value.time = TRY(to_model(wire.time()));
    value.type = wire.type();
    value.operation = wire.operation();
    value.text = wire.text();
    return value;
}

v1::Progress from(const Progress& progress) {
    v1::Progress wire;
    wire.set_operation(progress.operation);
    wire.set_stage(enum_from<v1::Stage>(progress.stage));
    wire.set_step(text(progress.step));
    wire.set_done_bytes(progress.done_bytes);
    wire.set_total_bytes(progress.total_bytes);
    wire.set_bytes_per_second(progress.bytes_per_second);
    return wire;
}

Result<Progress> to_model(const v1::Progress& wire) {
    Progress value;
    value.operation = wire.operation();
    value.stage = TRY(enum_to(wire.stage(), Stage::postexecute, "stage"));
    value.step = wire.step();
    value.done_bytes = wire.done_bytes();
    value.total_bytes = wire.total_bytes();
    value.bytes_per_second = wire.bytes_per_second();
    return value;
}

v1::FeedItem from(const FeedItem& item) {
    v1::FeedItem wire;
    if (const auto* event = std::get_if<Event>(&item))
        *wire.mutable_event() = from(*event);
    else
        *wire.mutable_progress() = from(std::get<Progress>(item));
    return wire;
}

Result<FeedItem> to_model(const v1::FeedItem& wire) {
    if (wire.has_event()) return TRY(to_model(wire.event()));
    if (wire.has_progress()) return TRY(to_model(wire.progress()));
    return fail(errors::door_bad_request, "an item of the feed holds nothing that is known");
}

v1::FollowRequest from(const FollowRequest& request) {
    v1::FollowRequest wire;
    wire.set_after_sequence(request.after_sequence);
    wire.set_operation(request.operation);
    wire.set_progress(request.progress);
    return wire;
}

FollowRequest to_model(const v1::FollowRequest& wire) {
    return {.after_sequence = wire.after_sequence(),
            .operation = wire.operation(),
            .progress = wire.progress()};
}

v1::GetLogRequest from(const LogRequest& request) {
    v1::GetLogRequest wire;
    wire.set_source(enum_from<v1::LogSource>(request.source));
    wire.set_operation(request.operation);
    wire.set_max_lines(request.max_lines);
    return wire;
}

Result<LogRequest> to_model(const v1::GetLogRequest& wire) {
    if (wire.max_lines() < 0 || wire.max_lines() > kMaxLogLines)
        return fail(errors::door_bad_request, "{} lines of a log, at most {} are allowed",
                    wire.max_lines(), kMaxLogLines);
    LogRequest value;
    value.source = TRY(enum_to(wire.source(), LogSource::alarm_history, "log"));
    value.operation = wire.operation();
    value.max_lines = wire.max_lines();
    return value;
}

}  // namespace cutover::wire
