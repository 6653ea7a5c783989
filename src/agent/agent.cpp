#include "agent/agent.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <expected>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/core.h>

#include "agent/errors.h"
#include "agent/event_delivery.h"
#include "agent/feed.h"
#include "agent/package_list.h"
#include "base/byte_pipe.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "engine/backup_places.h"
#include "engine/engine.h"
#include "engine/errors.h"
#include "engine/observer.h"
#include "engine/operation_log.h"
#include "engine/ports.h"
#include "model/device.h"
#include "model/event.h"
#include "model/operation.h"
#include "model/slot.h"
#include "platform/boot_control.h"
#include "transfer/source.h"

namespace cutover {
namespace {

constexpr int kKeptOperations = 200;
constexpr int kKeptEvents = 2000;
constexpr std::chrono::seconds kHardwareInterval{2};
constexpr std::chrono::seconds kPreviewDeadline{120};
constexpr std::chrono::minutes kSlack{1};            // for a machine under load
constexpr std::chrono::seconds kRecordDeadline{10};  // for the journal to know an operation
constexpr std::size_t kMaxLogBytes = std::size_t{16} * 1024 * 1024;
constexpr std::uint64_t kJournalBytes = std::uint64_t{256} * 1024;  // for what an operation notes

Result<std::vector<std::string>> last_lines(const std::filesystem::path& file, int max_lines) {
    const auto text = read_file(file, kMaxLogBytes);
    if (!text && text.error().kind == Errc::not_found) return std::vector<std::string>();
    if (!text) return std::unexpected(text.error());
    std::deque<std::string> lines;
    std::string_view rest = *text;
    while (!rest.empty()) {
        const auto line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        lines.emplace_back(line);
        if (lines.size() > static_cast<std::size_t>(std::max(max_lines, 0))) lines.pop_front();
    }
    return std::vector<std::string>(lines.begin(), lines.end());
}

bool is_done_reset(const Operation& operation) {
    return operation.request.kind == OperationKind::reset &&
           operation.state == OperationState::done;
}

std::string describe(const Alarm& alarm) {
    return fmt::format(
        "{} {} {} {}{}", to_iso8601(alarm.raised), to_string(alarm.severity), alarm.name,
        alarm.text, alarm.cleared ? fmt::format(" (cleared {})", to_iso8601(*alarm.cleared)) : "");
}

}  // namespace

Result<std::unique_ptr<Agent>> Agent::start(const std::function<Ports(Observer&)>& ports,
                                            Extras extras) {
    struct Nobody final : Observer {
        void on_event(const Event& /*event*/) override {}
        void on_progress(const Progress& /*progress*/) override {}
        void on_change() override {}
    } nobody;
    auto& store = ports(nobody).store;
    auto events = TRY(store.events(kKeptEvents));
    const auto known = TRY(store.operations(kKeptOperations));
    std::unique_ptr<Agent> agent(new Agent(ports, std::move(extras), std::move(events)));
    for (const auto& operation : known) agent->operations_.emplace(operation.id, operation);
    if (!known.empty()) agent->recorded_ = known.front().id;
    auto state = TRY(agent->look());
    // What the journal holds open is at work from now on, though the engine has yet to look at it.
    if (!known.empty() && !is_over(known.front().state)) state.current = known.front();
    agent->state_ = std::make_shared<const DeviceState>(std::move(state));
    agent->thread_ =
        std::jthread([raw = agent.get()](const std::stop_token& stop) { raw->work(stop); });
    return agent;
}

Agent::Agent(const std::function<Ports(Observer&)>& ports, Extras extras, std::vector<Event> events)
    : ports_(ports(*this)),
      extras_(std::move(extras)),
      backups_(*this, ports_.config, ports_.clock, backup_places(ports_)),
      engine_(ports_),
      feed_(std::move(events)),
      alive_until_(ports_.clock.steady() + kSlack) {
    hear_of_configuration();
}

Agent::~Agent() {
    if (ports_.configuration) ports_.configuration->tell_changes({});
    stop();
}

void Agent::stop() {
    settings_stop_.request_stop();
    engine_.stop();
    thread_.request_stop();
    wake_.notify_all();
}

Result<Agent::End> Agent::wait() {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [&] { return ended_.has_value(); });
    CUTOVER_CHECK(ended_.has_value());
    return *ended_;
}

void Agent::end(Result<Engine::Outcome> how) {
    if (!how) ports_.log.error("the agent ends", {{"error", how.error().text()}});
    feed_.close();
    const std::lock_guard lock(mutex_);
    if (!how)
        ended_ = std::unexpected(how.error());
    else
        ended_ = *how == Engine::Outcome::reboot ? End::reboot : End::stopped;
    for (auto& command : commands_)
        if (auto* preview = std::get_if<PreviewCommand>(&command))
            preview->answer.set_value(fail(errors::agent_ending, "the agent ends"));
        else
            take_back(std::get<StartCommand>(command).request);
    commands_.clear();
    wake_.notify_all();
}

void Agent::work(const std::stop_token& stop) {
    auto outcome = engine_.start();
    if (outcome && *outcome == Engine::Outcome::idle) {
        outcome = look_around();
        const auto last = ports_.store.last_operation();
        if (!last) return end(std::unexpected(last.error()));
        const std::lock_guard lock(mutex_);
        next_id_ = *last + 1;
        ready_ = true;
        busy_ = !commands_.empty();
        wake_.notify_all();
    }
    while (outcome && *outcome == Engine::Outcome::idle) {
        auto command = next_command(stop);
        if (stop.stop_requested()) {
            outcome = Engine::Outcome::stopped;
        } else if (command) {
            outcome = carry_out(std::move(*command));
        } else {
            outcome = look_around();
        }
    }
    end(std::move(outcome));
}

// Followers of the feed are told of all progress, a message bus of some. That it cannot be noted
// for the latter holds up no operation.
void Agent::on_progress(const Progress& progress) {
    feed_.add(progress);
    const auto now = ports_.clock.steady();
    if (!extras_.delivery || now < next_progress_) return;
    next_progress_ = now + extras_.delivery->progress_interval;
    if (const auto added = ports_.store.add_progress(progress, ports_.clock.wall()); !added)
        ports_.log.warning("progress is not delivered", {{"error", added.error().text()}});
}

// Nothing when it was time to look around.
std::optional<Agent::Command> Agent::next_command(const std::stop_token& stop) {
    on_alive(kHardwareInterval + kSlack);
    std::unique_lock lock(mutex_);
    const auto wanted = [&] { return !commands_.empty() || config_changed_; };
    if (!wake_.wait_for(lock, stop, kHardwareInterval, wanted)) return std::nullopt;
    config_changed_ = false;
    if (commands_.empty()) return std::nullopt;
    auto command = std::move(commands_.front());
    commands_.pop_front();
    return command;
}

Result<Engine::Outcome> Agent::carry_out(Command command) {
    if (auto* preview = std::get_if<PreviewCommand>(&command)) {
        auto answer = engine_.preview(preview->request);
        be_free();  // before the answer, for who gets it may want the next thing at once
        preview->answer.set_value(std::move(answer));
        return Engine::Outcome::idle;
    }
    const auto& start = std::get<StartCommand>(command);
    auto outcome = engine_.run(start.id, start.request);
    take_back(start.request);
    if (outcome && *outcome == Engine::Outcome::idle) be_free();
    return outcome;
}

void Agent::be_free() {
    const std::lock_guard lock(mutex_);
    busy_ = !commands_.empty();
}

// On the engine's thread, the only one that may use the store.
Result<DeviceState> Agent::look() {
    DeviceState state;
    state.device_name = ports_.config.name;
    state.hardware = ports_.config.hardware.empty() ? "" : ports_.config.hardware.front();
    state.serial = ports_.config.serial;
    state.uuid = extras_.uuid;
    state.agent_version = CUTOVER_VERSION;
    const auto boot = TRY(ports_.boot.status());
    state.active_slot = boot.running;
    state.boot_reason = to_string(boot.reason);
    if (boot.reason == BootReason::trial && boot.tries > 0)
        state.boot_reason = fmt::format("trial {} of {}", boot.tries - boot.tries_left, boot.tries);
    state.marks = TRY(ports_.store.marks());
    state.generations = TRY(ports_.store.generations());
    state.slots = TRY(ports_.store.slots());
    if (const auto space = ports_.slots.space(other(boot.running)); space)
        state.standby_bytes = space->available_bytes;
    state.packages = TRY(list_packages(ports_, engine_.present()));
    state.services = ports_.services.status();
    state.health = engine_.health();
    for (auto& alarm : TRY(ports_.store.alarms()))
        if (!alarm.cleared) state.alarms.push_back(std::move(alarm));
    if (const auto* record = engine_.current(); record && !is_over(record->operation.state))
        state.current = record->operation;
    state.epoch = TRY(ports_.store.epoch());
    state.last_event = news_.empty() ? feed_.last_sequence() : news_.back().sequence;
    return state;
}

void Agent::on_change() {
    publish();
    for (const auto& event : std::exchange(news_, {})) feed_.add(event);
}

void Agent::on_alive(std::chrono::milliseconds at_most) {
    alive_until_ = ports_.clock.steady() + at_most;
}

bool Agent::alive() const { return ports_.clock.steady() < alive_until_.load(); }

void Agent::publish() {
    auto state = look();
    auto alarms = ports_.store.alarms();
    auto newest = ports_.store.operations(1);
    if (!state || !alarms || !newest) {
        const auto& error = !state ? state.error() : !alarms ? alarms.error() : newest.error();
        ports_.log.error("the device's state cannot be read", {{"error", error.text()}});
        return;
    }
    const std::lock_guard lock(mutex_);
    state_ = std::make_shared<const DeviceState>(std::move(*state));
    alarm_history_ = std::move(*alarms);
    if (!newest->empty()) {
        recorded_ = newest->front().id;
        if (is_done_reset(newest->front())) forget_before(recorded_);
    }
    for (auto& operation : *newest) operations_.insert_or_assign(operation.id, operation);
    while (operations_.size() > kKeptOperations) operations_.erase(operations_.begin());
    if (const auto* record = engine_.current(); record && is_over(record->operation.state)) {
        started_ = 0;
        busy_ = !commands_.empty();
    }
    wake_.notify_all();
}

// A factory reset has taken it from the store.
void Agent::forget_before(OperationId reset) {
    if (std::exchange(forgotten_before_, reset) == reset) return;
    operations_.erase(operations_.begin(), operations_.lower_bound(reset));
    feed_.forget_before(reset);
}

Result<DeviceState> Agent::state() {
    std::shared_ptr<const DeviceState> state;
    {
        const std::lock_guard lock(mutex_);
        state = state_;
    }
    auto result = *state;
    result.services = ports_.services.status();
    if (const auto& delivery = extras_.delivery)
        result.health.push_back(
            delivery_health(delivery->status(), delivery->alarm_after, ports_.clock.wall()));
    return result;
}

Result<Preview> Agent::preview(const Request& request) {
    std::future<Result<Preview>> answer;
    {
        std::unique_lock lock(mutex_);
        let_come_up(lock);
        if (ended_) return fail(errors::agent_ending, "the agent ends");
        if (!ready_ || busy_)
            return fail(errors::operation_busy, "an operation is at work; preview after it");
        PreviewCommand command{.request = without_secrets(request), .answer = {}};
        answer = command.answer.get_future();
        commands_.emplace_back(std::move(command));
        busy_ = true;
    }
    wake_.notify_all();
    if (answer.wait_for(kPreviewDeadline) != std::future_status::ready)
        return fail(Errc::timeout, "the preview took longer than {} s", kPreviewDeadline.count());
    return answer.get();
}

// An operation that awaits its commit is answered by a commit or a rollback.
std::optional<OperationId> Agent::answered(const Request& request) const {
    const auto& current = state_->current;
    if (!current || current->state != OperationState::awaiting_commit) return std::nullopt;
    const bool answer = request.kind == OperationKind::commit ||
                        (request.kind == OperationKind::rollback && request.generation == 0);
    return answer ? std::optional(current->id) : std::nullopt;
}

Result<OperationId> Agent::start(const Request& request) {
    const auto id = TRY(enqueue(request));
    wake_.notify_all();
    std::unique_lock lock(mutex_);
    const bool known =
        wake_.wait_for(lock, kRecordDeadline, [&] { return recorded_ >= id || ended_; });
    if (known && recorded_ < id)
        return fail(errors::agent_ending, "the agent ended before the operation began");
    return id;
}

Result<OperationId> Agent::start_streamed(const Request& request,
                                          std::shared_ptr<BytePipe> package) {
    auto streamed = request;
    streamed.sources = {TRY(ports_.packages.lend(std::move(package)))};
    auto id = start(streamed);
    if (!id) take_back(streamed);
    return id;
}

// Whoever still writes a stream for it is told that nobody reads.
void Agent::take_back(const Request& request) {
    for (const auto& source : request.sources) ports_.packages.take_back(source);
}

// An agent that has just come up looks at the device first; who asks meanwhile waits for that, and
// is not told of an operation that is none.
void Agent::let_come_up(std::unique_lock<std::mutex>& lock) {
    wake_.wait_for(lock, kRecordDeadline, [&] { return ready_ || ended_ || state_->current; });
}

// A plan is kept in the journal, with what its packages are read from.
Request Agent::without_secrets(const Request& request) {
    auto result = request;
    for (auto& source : result.sources) source = ports_.packages.hide(source);
    return result;
}

Result<OperationId> Agent::enqueue(const Request& request) {
    std::unique_lock lock(mutex_);
    let_come_up(lock);
    if (ended_) return fail(errors::agent_ending, "the agent ends");
    if (const auto awaiting = answered(request)) {
        if (request.kind == OperationKind::commit)
            engine_.commit(*awaiting);
        else
            TRY(engine_.cancel(*awaiting));
        return *awaiting;
    }
    if (!ready_ || busy_) {
        const auto& current = state_->current;
        const bool waits = current && current->state == OperationState::awaiting_commit;
        return fail(errors::operation_busy, "{} {}",
                    current ? fmt::format("operation {} ({})", current->id, current->title)
                            : "another operation",
                    waits ? "waits for `cutover commit` or `cutover rollback`" : "is at work");
    }
    // A journal that cannot be written ends the agent: rather that it does not begin.
    if (const auto free = free_bytes(ports_.folder); free && *free < kJournalBytes)
        return fail(errors::check_space, "the journal needs {} on {}, has {}",
                    human_size(kJournalBytes), ports_.folder.string(), human_size(*free));
    const auto id = next_id_++;
    const auto kept = without_secrets(request);
    commands_.emplace_back(StartCommand{.id = id, .request = kept});
    busy_ = true;
    started_ = id;
    Operation queued{.id = id,
                     .title = std::string(to_string(request.kind)),
                     .request = kept,
                     .started = ports_.clock.wall()};
    for (auto& source : queued.request.sources) source = source_name(source);
    operations_.insert_or_assign(id, queued);
    return id;
}

Result<> Agent::cancel(OperationId operation) {
    const std::lock_guard lock(mutex_);
    const auto& current = state_->current;
    const auto id = current ? current->id : started_;
    if (id == 0) return fail(errors::operation_none, "no operation is at work");
    if (operation != 0 && operation != id)
        return fail(errors::operation_none, "operation {} is not at work", operation);
    return engine_.cancel(id);
}

Result<Operation> Agent::operation(OperationId operation) {
    const std::lock_guard lock(mutex_);
    const auto found = operations_.find(operation);
    if (found == operations_.end())
        return fail(errors::operation_unknown, "there is no operation {}", operation);
    return found->second;
}

Result<std::vector<Operation>> Agent::operations(int max_count) {
    const std::lock_guard lock(mutex_);
    std::vector<Operation> result;
    for (auto each = operations_.rbegin(); each != operations_.rend(); ++each) {
        if (result.size() >= static_cast<std::size_t>(std::max(max_count, 0))) break;
        result.push_back(each->second);
    }
    return result;
}

Result<> Agent::follow(const FollowRequest& request,
                       const std::function<bool(const FeedItem&)>& sink,
                       // NOLINTNEXTLINE(performance-unnecessary-value-param): Device says so
                       std::stop_token stop) {
    return feed_.follow(request, sink, stop);
}

Result<std::vector<std::string>> Agent::log(const LogRequest& request) {
    switch (request.source) {
        case LogSource::agent:
            return last_lines(ports_.folder / "log" / "agent.log", request.max_lines);
        case LogSource::operation:
            return last_lines(OperationLog::file(ports_.folder, request.operation),
                              request.max_lines);
        case LogSource::status_file: return last_lines(ports_.folder / "status", request.max_lines);
        case LogSource::alarm_history: {
            const std::lock_guard lock(mutex_);
            std::vector<std::string> lines;
            lines.reserve(alarm_history_.size());
            for (const auto& alarm : alarm_history_) lines.push_back(describe(alarm));
            return lines;
        }
    }
    std::unreachable();
}

}  // namespace cutover
