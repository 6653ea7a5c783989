#include "operation_news.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>

#include <fmt/core.h>

#ifdef CUTOVER_BACKEND_SYSTEMD
#include "backends/systemd/notify.h"
#endif
#include "base/log.h"
#include "model/device.h"
#include "model/event.h"
#include "model/generation.h"
#include "model/operation.h"
#include "model/slot.h"

namespace cutover {
namespace {

#ifndef CUTOVER_BACKEND_SYSTEMD
void notify_status(const std::string& /*text*/) {}
#endif

constexpr std::chrono::seconds kProgressEvery{1};

// `journalctl MESSAGE_ID=...` (docs/metrics.md). Never another one for the same thing.
constexpr std::string_view kBegun = "3cb80172da254844a754fec3cb8ceb76";
constexpr std::string_view kCommitted = "6358d529799c44cb8c6dcbdbaaa01020";
constexpr std::string_view kFellBack = "d4d3bf828e504bc3b06b88c8fa6ca3f0";
constexpr std::string_view kFailed = "8305ea41569046eaadbe9d86ed800f5b";
constexpr std::string_view kAlarmRaised = "4c5595b1aae54dacaae330e4ba160494";
constexpr std::string_view kAlarmCleared = "469ae41424224c078d67256aac614ece";

std::string what_runs(const DeviceState& state) {
    const auto found = std::ranges::find(state.generations, state.marks.running, &Generation::id);
    const auto alarms = state.alarms.empty() ? "" : fmt::format("; {} alarms", state.alarms.size());
    if (found == state.generations.end()) return "nobody knows what runs" + alarms;
    return fmt::format("{} {} runs in slot {}{}", found->base.name, found->base.version.text(),
                       to_string(state.active_slot), alarms);
}

std::string what_goes_on(const Operation& operation, const Progress* progress) {
    auto text = fmt::format("operation {}: {}: {}", operation.id, operation.title,
                            to_string(operation.stage));
    if (operation.state != OperationState::running)
        text += fmt::format(", {}", to_string(operation.state));
    if (progress && progress->operation == operation.id && progress->total_bytes > 0)
        text += fmt::format(", {} {} %", progress->step,
                            progress->done_bytes * 100 / progress->total_bytes);
    return text;
}

}  // namespace

OperationNews::OperationNews(Device& device, Log& log, std::int64_t after_sequence)
    : device_(device), log_(log) {
    show_status(nullptr);
    thread_ = std::jthread(
        [this, after_sequence](const std::stop_token& stop) { follow(after_sequence, stop); });
}

OperationNews::~OperationNews() = default;

void OperationNews::follow(std::int64_t after_sequence, const std::stop_token& stop) {
    const auto ended = device_.follow(
        {.after_sequence = after_sequence},
        [this](const FeedItem& item) {
            tell(item);
            return true;
        },
        stop);
    static_cast<void>(ended.has_value());  // the agent ends, and says so itself
}

void OperationNews::tell(const FeedItem& item) {
    if (const auto* const event = std::get_if<Event>(&item)) {
        write_log(*event);
        show_status(nullptr);
        return;
    }
    const auto now = std::chrono::steady_clock::now();
    if (now < next_status_) return;
    next_status_ = now + kProgressEvery;
    show_status(&std::get<Progress>(item));
}

// The engine has a line of its own for each operation that ends.
void OperationNews::write_log(const Event& event) {
    const auto write = [&](LogLevel level, std::string_view text, std::string_view id) {
        log_.write(level, text,
                   {{"operation", std::to_string(event.operation)},
                    {"detail", event.text},
                    {kMessageId, std::string(id)}});
    };
    if (event.type == "operation.started") {
        write(LogLevel::info, "operation begun", kBegun);
    } else if (event.type == "mark.moved" && event.text.starts_with("committed:")) {
        write(LogLevel::info, "committed", kCommitted);
    } else if (event.type == "operation.failed") {
        const auto operation = device_.operation(event.operation);
        const bool rebooted = operation && operation->reboots > 0;
        if (rebooted)
            write(LogLevel::error, "the device fell back", kFellBack);
        else
            write(LogLevel::error, "operation failed", kFailed);
    } else if (event.type == "alarm.raised") {
        write(LogLevel::warning, "alarm raised", kAlarmRaised);
    } else if (event.type == "alarm.cleared") {
        write(LogLevel::info, "alarm cleared", kAlarmCleared);
    }
}

// Of progress, which comes often, only the operation is asked for: a state asks every service.
void OperationNews::show_status(const Progress* progress) {
    std::string status;
    if (progress) {
        const auto operation = device_.operation(progress->operation);
        if (!operation || is_over(operation->state)) return;
        status = what_goes_on(*operation, progress);
    } else {
        const auto state = device_.state();
        if (!state) return;
        const auto& current = state->current;
        status = current ? what_goes_on(*current, nullptr) : what_runs(*state);
    }
    if (status == status_) return;
    notify_status(status);
    status_ = std::move(status);
}

}  // namespace cutover
