#include "model/fake_device.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/error.h"
#include "model/configuration.h"
#include "model/device.h"
#include "model/event.h"
#include "model/generation.h"
#include "model/operation.h"
#include "model/package_kind.h"
#include "model/slot.h"
#include "model/version.h"

namespace cutover {
namespace {

using std::chrono::milliseconds;

PackageRef package(PackageKind kind, std::string_view name, std::string_view version) {
    return {.kind = kind,
            .name = std::string(name),
            .version = Version::parse(version).value_or(Version()),
            .digest = std::string(64, 'a')};
}

// One client's view: it breaks when the device restarts.
class Connection final : public Device {
public:
    Connection(FakeDevice& device, std::function<bool()> broken)
        : device_(device), broken_(std::move(broken)) {}

    Result<DeviceState> state() override {
        TRY(alive());
        return device_.state();
    }
    Result<Preview> preview(const Request& request) override {
        TRY(alive());
        return device_.preview(request);
    }
    Result<OperationId> start(const Request& request) override {
        TRY(alive());
        return device_.start(request);
    }
    Result<> cancel(OperationId operation) override {
        TRY(alive());
        return device_.cancel(operation);
    }
    Result<Operation> operation(OperationId operation) override {
        TRY(alive());
        return device_.operation(operation);
    }
    Result<std::vector<Operation>> operations(int max_count) override {
        TRY(alive());
        return device_.operations(max_count);
    }
    Result<> follow(const FollowRequest& request, const std::function<bool(const FeedItem&)>& sink,
                    std::stop_token stop) override {
        TRY(alive());
        return device_.follow(request, sink, std::move(stop));
    }
    Result<std::vector<std::string>> log(const LogRequest& request) override {
        TRY(alive());
        return device_.log(request);
    }
    Configuration* configuration() override { return device_.configuration(); }

private:
    Result<> alive() {
        if (broken_()) return fail(Errc::unavailable, "the connection broke");
        return {};
    }

    FakeDevice& device_;
    std::function<bool()> broken_;
};

}  // namespace

FakeDevice::FakeDevice() : now_(*from_iso8601("2026-11-21T10:02:11Z")) {
    const std::vector on_top{package(PackageKind::feature, "bgp", "8.4.2"),
                             package(PackageKind::feature, "acl", "2.0")};
    state_.device_name = "lab-router";
    state_.hardware = "emulated";
    state_.serial = "E-0001";
    state_.agent_version = "0.1.0";
    state_.active_slot = Slot::b;
    state_.boot_reason = "default";
    state_.marks = {.running = 13, .startup = 13, .committed = 13};
    state_.generations = {{.id = 12,
                           .base = package(PackageKind::base, "nos", "1.0.0"),
                           .slot = Slot::a,
                           .packages = {},
                           .update_level = 1,
                           .created = now_ - std::chrono::hours(48),
                           .committed_once = true},
                          {.id = 13,
                           .base = package(PackageKind::base, "nos", "1.1.0"),
                           .slot = Slot::b,
                           .packages = on_top,
                           .update_level = 2,
                           .created = now_ - std::chrono::hours(24),
                           .committed_once = true}};
    state_.slots = {{.slot = Slot::a,
                     .state = SlotState::installed,
                     .holds = state_.generations[0].base,
                     .committed_once = true},
                    {.slot = Slot::b,
                     .state = SlotState::installed,
                     .holds = state_.generations[1].base,
                     .committed_once = true}};
    for (const auto& package : on_top)
        state_.packages.push_back({.package = package,
                                   .state = PackageState::running,
                                   .summary = {},
                                   .services = {},
                                   .detail = {}});
    state_.services = {{.name = "web", .state = "running", .restarts = 0, .detail = {}}};
    state_.health = {{.name = "web answers",
                      .from = "package nos 1.1.0",
                      .healthy = true,
                      .detail = "GET http://127.0.0.1:8080/: 200",
                      .checked = now_ - std::chrono::minutes(1)}};
    state_.epoch = 3;
    state_.last_event = 100;
    Operation before;
    before.id = 13;
    before.title = "upgrade base nos 1.0.0 -> 1.1.0";
    before.request.kind = OperationKind::upgrade;
    before.request.asked_by = "local";
    before.state = OperationState::done;
    before.stage = Stage::postexecute;
    before.from = 12;
    before.to = 13;
    before.started = now_ - std::chrono::hours(24);
    before.ended = before.started + std::chrono::seconds(42);
    before.interruption = milliseconds(9100);
    before.reboots = 1;
    operations_.push_back(before);
}

void FakeDevice::play(Story story) {
    const std::scoped_lock lock(mutex_);
    story_ = story;
}

void FakeDevice::lose_connections_at_reboot(int failed_attempts) {
    const std::scoped_lock lock(mutex_);
    breaks_connections_ = true;
    failed_attempts_ = failed_attempts;
}

void FakeDevice::refuse_with(const Error& error) {
    const std::scoped_lock lock(mutex_);
    refusal_ = error;
}

void FakeDevice::allow_beats(int count) {
    const std::scoped_lock lock(mutex_);
    beats_allowed_ = count;
    changed_.notify_all();
}

void FakeDevice::play_to_the_end() {
    const std::scoped_lock lock(mutex_);
    beats_allowed_ = 1'000'000;
    while (play_one_beat()) {
    }
}

void FakeDevice::publish(std::string_view type, std::string_view text, OperationId operation) {
    const std::scoped_lock lock(mutex_);
    say(type, text, operation);
}

void FakeDevice::set_log(std::vector<std::string> lines) {
    const std::scoped_lock lock(mutex_);
    log_ = std::move(lines);
}

void FakeDevice::edit(const std::function<void(DeviceState&)>& change) {
    const std::scoped_lock lock(mutex_);
    change(state_);
}

Request FakeDevice::last_request() const {
    const std::scoped_lock lock(mutex_);
    return last_request_;
}

Result<std::unique_ptr<Device>> FakeDevice::connect() {
    const std::scoped_lock lock(mutex_);
    if (away_for_ > 0) {
        --away_for_;
        return fail(Errc::unavailable, "no agent answers");
    }
    return std::make_unique<Connection>(*this, [this, mine = connection_] {
        const std::scoped_lock guard(mutex_);
        return mine != connection_;
    });
}

Result<DeviceState> FakeDevice::state() {
    const std::scoped_lock lock(mutex_);
    auto state = state_;
    if (!is_over(operations_.back().state)) state.current = operations_.back();
    return state;
}

Result<Preview> FakeDevice::preview(const Request& request) {
    const std::scoped_lock lock(mutex_);
    last_request_ = request;
    return plan(request);
}

Result<OperationId> FakeDevice::start(const Request& request) {
    const std::scoped_lock lock(mutex_);
    last_request_ = request;
    TRY(may_start(request));
    if (!is_over(at_work().state)) {
        answer(request);
        return at_work().id;
    }
    const auto planned = plan(request);
    Operation operation;
    operation.id = operations_.back().id + 1;
    operation.title = planned.title;
    operation.request = request;
    operation.checks = planned.checks;
    operation.plan_hash = planned.plan_hash;
    operation.from = state_.marks.running;
    operation.to = state_.marks.running;
    operation.started = now_;
    operations_.push_back(operation);
    say("operation.started", operation.title, operation.id);
    write_script(request);
    return operation.id;
}

Result<> FakeDevice::cancel(OperationId operation) {
    const std::scoped_lock lock(mutex_);
    if (is_over(at_work().state) || at_work().id != operation)
        return fail(Errc::conflict, "operation {} is not at work", operation);
    script_.clear();
    at_work().state = OperationState::undoing;
    script_end(OperationState::cancelled);
    say("operation.cancelled", "cancelled", operation);
    return {};
}

Result<Operation> FakeDevice::operation(OperationId operation) {
    const std::scoped_lock lock(mutex_);
    const auto found = std::ranges::find(operations_, operation, &Operation::id);
    if (found == operations_.end()) return fail(Errc::not_found, "no operation {}", operation);
    return *found;
}

Result<std::vector<Operation>> FakeDevice::operations(int max_count) {
    const std::scoped_lock lock(mutex_);
    std::vector<Operation> newest_first(operations_.rbegin(), operations_.rend());
    if (std::cmp_less(max_count, newest_first.size()))
        newest_first.resize(static_cast<std::size_t>(max_count));
    return newest_first;
}

Result<std::vector<std::string>> FakeDevice::log(const LogRequest& request) {
    const std::scoped_lock lock(mutex_);
    if (std::cmp_greater_equal(request.max_lines, log_.size())) return log_;
    return std::vector<std::string>(log_.end() - request.max_lines, log_.end());
}

bool FakeDevice::wanted(const FeedItem& item, const FollowRequest& request) const {
    const auto* event = std::get_if<Event>(&item);
    const auto operation = event != nullptr ? event->operation : std::get<Progress>(item).operation;
    if (request.operation != 0 && operation != request.operation) return false;
    return event != nullptr ? event->sequence > request.after_sequence : request.progress;
}

Result<> FakeDevice::follow(const FollowRequest& request,
                            const std::function<bool(const FeedItem&)>& sink,
                            std::stop_token stop) {
    ++followers_;
    const std::shared_ptr<void> leaves(nullptr, [this](void*) { --followers_; });
    std::unique_lock lock(mutex_);
    const auto connection = connection_;
    const auto first_new = feed_.size();
    std::size_t next = 0;
    while (!stop.stop_requested()) {
        if (next < feed_.size()) {
            const auto item = feed_[next++];
            const bool old_progress = next <= first_new && std::holds_alternative<Progress>(item);
            if (old_progress || !wanted(item, request)) continue;
            lock.unlock();
            if (!sink(item)) return {};
            lock.lock();
            continue;
        }
        if (connection != connection_) return fail(Errc::unavailable, "the connection broke");
        if (play_one_beat()) continue;
        changed_.wait(lock, stop, [&] {
            return next < feed_.size() || connection != connection_ ||
                   (!script_.empty() && beats_allowed_ > 0);
        });
    }
    return {};
}

}  // namespace cutover
