#include "doors/dmi/image_status.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/utf8.h"
#include "dmi/commons.pb.h"
#include "dmi/sw_image.pb.h"
#include "doors/dmi/reasons.h"
#include "model/device.h"
#include "model/event.h"
#include "model/generation.h"
#include "model/operation.h"
#include "model/slot.h"

namespace cutover::dmi_wire {
namespace {

using Status = ::dmi::ImageStatus;
using State = Status::ImageState;

// What an operation does to images.
struct Part {
    bool fills_standby = false;
    bool activates = false;
};

// Packages on top of the base are nothing that the DMI knows. Before there is a plan, nobody but
// the one who asked knows what it is about.
bool is_about_base(const Operation& operation) {
    return operation.title.contains(" base ") ||
           operation.request.asked_by.ends_with(kAskedThrough);
}

std::optional<Part> part_of(const Operation& operation) {
    if (!is_about_base(operation)) return std::nullopt;
    switch (operation.request.kind) {
        case OperationKind::install: return Part{.fills_standby = true};
        case OperationKind::upgrade: return Part{.fills_standby = true, .activates = true};
        case OperationKind::activate:
        case OperationKind::revert:
        case OperationKind::rollback: return Part{.activates = true};
        case OperationKind::commit:
        case OperationKind::reboot:
        case OperationKind::repair:
        case OperationKind::uninstall:
        case OperationKind::fetch:
        case OperationKind::discard:
        case OperationKind::deactivate:
        case OperationKind::select:
        case OperationKind::deselect:
        case OperationKind::reload:
        case OperationKind::reset:
        case OperationKind::restore: return std::nullopt;
    }
    std::unreachable();
}

// Whether the new image is in its slot, so that what comes concerns its activation.
bool is_activating(const Operation& operation, const Part& part) {
    if (!part.fills_standby) return true;
    return part.activates && operation.stage == Stage::postexecute;
}

std::string copied(const Progress* progress) {
    if (!progress || progress->total_bytes == 0) return "copying the image to the standby slot";
    const auto percent = std::min<std::uint64_t>(
        100, progress->done_bytes * 100 / progress->total_bytes);  // at most 2^57 bytes
    return fmt::format("{}: {} % of {}, {}/s", progress->step, percent,
                       human_size(progress->total_bytes), human_size(progress->bytes_per_second));
}

// While it is under way.
void describe_work(const Operation& operation, const Part& part, const Progress* progress,
                   Status& status) {
    const bool activating = is_activating(operation, part);
    const auto set = [&](State state, std::string_view description) {
        status.set_state(state);
        status.set_description(valid_utf8(description));
    };
    switch (operation.state) {
        case OperationState::on_trial:
            return set(Status::COMMITTING_IMAGE, "the image runs on trial: its checks are made");
        case OperationState::awaiting_commit:
            return set(Status::COMMITTING_IMAGE, "the checks passed: it waits to be committed");
        case OperationState::undoing:
            return set(activating ? Status::REBOOTING_DEVICE : Status::INSTALLING_IMAGE,
                       activating ? "going back to the image before" : "being undone");
        case OperationState::running:
        case OperationState::done:
        case OperationState::failed:
        case OperationState::cancelled:
        case OperationState::refused: break;
    }
    if (activating && operation.reboots > 0)
        return set(Status::COMMITTING_IMAGE, "the image has booted");
    if (activating) return set(Status::REBOOTING_DEVICE, operation.title);
    if (operation.stage > Stage::install)
        return set(Status::INSTALLING_IMAGE, "installing the image in the standby slot");
    if (operation.stage == Stage::install) return set(Status::COPYING_IMAGE, copied(progress));
    set(Status::COPYING_IMAGE, "checking the image and the device");
}

}  // namespace

std::optional<Status> image_status(const Operation& operation, const Progress* progress) {
    const auto part = part_of(operation);
    if (!part) return std::nullopt;
    Status status;
    status.set_status(::dmi::OK_STATUS);
    if (!is_over(operation.state)) {
        describe_work(operation, *part, progress, status);
        return status;
    }
    if (operation.state == OperationState::done) {
        status.set_state(part->activates ? Status::ACTIVATION_COMPLETE : Status::UPGRADE_COMPLETE);
        status.set_description(valid_utf8(operation.title + ": done"));
        return status;
    }
    const bool activating = is_activating(operation, *part);
    status.set_state(activating ? Status::ACTIVATION_FAILED : Status::UPGRADE_FAILED);
    status.set_status(::dmi::ERROR_STATUS);
    status.set_description(
        valid_utf8(fmt::format("{}: {}", operation.title, to_string(operation.state))));
    const auto error = operation.error.value_or(
        make_error(Errc::io, std::string("the operation did not say why it failed")));
    status.set_reason(image_reason(error));
    status.set_reason_detail(reason_detail(error));
    return status;
}

State image_state(const DeviceState& state) {
    if (state.current) {
        const auto status = image_status(*state.current);
        return status ? status->state() : Status::UNDEFINED_STATE;
    }
    const auto slot = std::ranges::find(state.slots, other(state.active_slot), &SlotStatus::slot);
    const bool waits =
        slot != state.slots.end() && slot->state == SlotState::installed && !slot->committed_once;
    return waits ? Status::UPGRADE_COMPLETE : Status::UNDEFINED_STATE;
}

bool is_terminal(State state) {
    return state == Status::UPGRADE_COMPLETE || state == Status::UPGRADE_FAILED ||
           state == Status::ACTIVATION_COMPLETE || state == Status::ACTIVATION_FAILED;
}

std::vector<Status> with_passed_states(State last, const Status& wanted) {
    // What a good end goes through, in order.
    constexpr std::array kDownload{Status::COPYING_IMAGE, Status::INSTALLING_IMAGE,
                                   Status::UPGRADE_COMPLETE};
    constexpr std::array kActivation{Status::REBOOTING_DEVICE, Status::COMMITTING_IMAGE,
                                     Status::ACTIVATION_COMPLETE};
    std::vector<Status> result;
    const auto fill = [&](const auto& way) {
        const auto end = std::ranges::find(way, wanted.state());
        if (end == way.end()) return;
        const auto seen = std::ranges::find(way, last);
        for (auto at = seen == way.end() ? way.begin() : seen + 1; at < end; ++at) {
            Status passed;
            passed.set_status(::dmi::OK_STATUS);
            passed.set_state(*at);
            passed.set_description("done");
            result.push_back(std::move(passed));
        }
    };
    fill(kDownload);
    fill(kActivation);
    result.push_back(wanted);
    return result;
}

Status refused_image(State state, const Error& error) {
    Status status;
    status.set_status(::dmi::ERROR_STATUS);
    status.set_state(state);
    status.set_reason(image_reason(error));
    status.set_reason_detail(reason_detail(error));
    return status;
}

}  // namespace cutover::dmi_wire
