#include "doors/gnoi/os_service.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>
#include <grpcpp/support/sync_stream.h>

#include "base/error.h"
#include "doors/gnoi/door_context.h"
#include "doors/gnoi/following.h"
#include "doors/gnoi/installation.h"
#include "gnoi/os/os.pb.h"
#include "model/device.h"
#include "model/generation.h"
#include "model/operation.h"

namespace cutover::gnoi_door {
namespace {

using Refusal = ::gnoi::os::ActivateError;

constexpr int kMaxOperations = 50;  // that are looked through for the last activation

grpc::Status refuse(::gnoi::os::ActivateResponse& reply, Refusal::Type type,
                    const std::string& detail) {
    reply.mutable_activate_error()->set_type(type);
    reply.mutable_activate_error()->set_detail(shown(detail));
    return grpc::Status::OK;
}

bool is_set_to_start(const DeviceState& state, const std::string& version) {
    const auto& marks = state.marks;
    const auto startup = std::ranges::find(state.generations, marks.startup, &Generation::id);
    return marks.startup != marks.running && startup != state.generations.end() &&
           startup->slot != state.active_slot && startup->base.version.text() == version;
}

// That another base came to run, or was to: its first boot may have failed.
bool activated(const Operation& operation) {
    switch (operation.request.kind) {
        case OperationKind::activate:
        case OperationKind::upgrade:
        case OperationKind::revert:
        case OperationKind::rollback:
            // What was set to start next is tried by an operation of its own, after the boot.
            return is_over(operation.state) &&
                   (operation.reboots > 0 || operation.request.asked_by == "startup");
        case OperationKind::install:
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
        case OperationKind::restore: return false;
    }
    std::unreachable();
}

// Empty when the last one went well, or there was none.
std::string last_failure(const std::vector<Operation>& newest_first) {
    const auto last = std::ranges::find_if(newest_first, activated);
    if (last == newest_first.end() || last->state != OperationState::failed) return {};
    return shown(failure_of(*last).text());
}

}  // namespace

grpc::Status OsService::Install(
    grpc::ServerContext* call,
    grpc::ServerReaderWriter<::gnoi::os::InstallResponse, ::gnoi::os::InstallRequest>* stream) {
    const StreamPlace place(door_);
    if (!place) return too_many_streams();
    return Installation(door_, *call, *stream).run();
}

grpc::Status OsService::Activate(grpc::ServerContext* call,
                                 const ::gnoi::os::ActivateRequest* request,
                                 ::gnoi::os::ActivateResponse* reply) {
    if (request->standby_supervisor())
        return refuse(*reply, Refusal::NOT_SUPPORTED_ON_BACKUP, "the device has one supervisor");
    if (request->has_boot_config())
        return refuse(*reply, Refusal::UNSPECIFIED, "boot_config is not supported");
    const auto state = door_.device.state();
    if (!state) return refuse(*reply, Refusal::UNSPECIFIED, state.error().text());
    const auto& version = request->version();
    const auto* const running = running_of(*state);
    const bool runs = running && running->base.version.text() == version;
    if (version.empty() || (!runs && !standby_with(*state, version)))
        return refuse(*reply, Refusal::NON_EXISTENT_VERSION, "it is not on the device");
    if (const auto done = activate(*state, *request, asker(*call)); !done)
        return refuse(*reply, Refusal::UNSPECIFIED, done.error().text());
    reply->mutable_activate_ok();
    return grpc::Status::OK;
}

Result<> OsService::activate(const DeviceState& state, const ::gnoi::os::ActivateRequest& request,
                             const std::string& by) {
    const auto* const running = running_of(state);
    const auto& marks = state.marks;
    if (running && running->base.version.text() == request.version()) {
        const auto startup = std::ranges::find(state.generations, marks.startup, &Generation::id);
        const bool other_next = startup != state.generations.end() &&
                                startup->slot != state.active_slot && !state.current;
        if (!other_next) return {};
        // Takes back what the next boot was to start.
        return until_restart(
            door_, {.kind = OperationKind::rollback, .generation = marks.running, .asked_by = by});
    }
    if (is_set_to_start(state, request.version())) {
        if (request.no_reboot()) return {};
        return until_restart(door_, {.kind = OperationKind::reboot, .asked_by = by});
    }
    return until_restart(door_, {.kind = OperationKind::activate,
                                 .mode = request.no_reboot() ? Mode::next_startup : Mode::automatic,
                                 .asked_by = by});
}

grpc::Status OsService::Verify(grpc::ServerContext* /*call*/,
                               const ::gnoi::os::VerifyRequest* /*request*/,
                               ::gnoi::os::VerifyResponse* reply) {
    const auto state = door_.device.state();
    const auto operations = door_.device.operations(kMaxOperations);
    if (!state || !operations) return status_of(!state ? state.error() : operations.error());
    if (const auto* const running = running_of(*state))
        reply->set_version(running->base.version.text());
    reply->set_activation_fail_message(last_failure(*operations));
    // Clients take a reply without it for a broken one.
    reply->mutable_verify_standby()->mutable_standby_state()->set_state(
        ::gnoi::os::StandbyState::UNSUPPORTED);
    return grpc::Status::OK;
}

}  // namespace cutover::gnoi_door
