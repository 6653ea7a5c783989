#include "doors/gnoi/installation.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <span>
#include <stop_token>
#include <string>
#include <thread>

#include <fmt/core.h>
#include <grpcpp/support/status.h>

#include "base/error.h"
#include "doors/gnoi/door_context.h"
#include "doors/gnoi/following.h"
#include "doors/gnoi/install_errors.h"
#include "gnoi/os/os.grpc.pb.h"  // IWYU pragma: keep (how messages go over the wire)
#include "gnoi/os/os.pb.h"
#include "model/device.h"
#include "model/generation.h"
#include "model/operation.h"
#include "model/slot.h"

namespace cutover::gnoi_door {
namespace {

using Refusal = ::gnoi::os::InstallError;

constexpr std::uint64_t kProgressBytes = 5'000'000;
// What a package may be longer than what it is unpacked to: index, scripts, frames.
constexpr std::uint64_t kMaxOverhead = std::uint64_t{64} * 1024 * 1024;
constexpr std::chrono::seconds kGrace{3};  // for a client to see that nobody reads

// One that failed its trial counts as not stored: it may be sent anew.
bool is_stored(const DeviceState& state, const std::string& version) {
    const auto* const running = running_of(state);
    if (running && running->base.version.text() == version) return true;
    const auto* const standby = standby_with(state, version);
    return standby && standby->state == SlotState::installed;
}

// The title of what installs now; empty when nothing does.
std::string installing(const DeviceState& state) {
    const auto& current = state.current;
    if (!current || is_over(current->state)) return {};
    const auto kind = current->request.kind;
    const bool installs = kind == OperationKind::install || kind == OperationKind::upgrade;
    return installs ? fmt::format("operation {} ({})", current->id, current->title) : "";
}

}  // namespace

grpc::Status Installation::run() {
    ::gnoi::os::InstallRequest first;
    const bool asked = door_.silence.within(call_, [&] { return stream_.Read(&first); });
    if (!asked || !first.has_transfer_request())
        return {grpc::StatusCode::INVALID_ARGUMENT, "an Install begins with its transfer_request"};
    return begin(first.transfer_request());
}

grpc::Status Installation::begin(const ::gnoi::os::TransferRequest& wanted) {
    if (wanted.standby_supervisor())
        return refuse(Refusal::NOT_SUPPORTED_ON_BACKUP, "the device has one supervisor");
    const auto state = door_.device.state();
    if (!state) return refuse(Refusal::UNSPECIFIED, state.error().text());
    if (const auto other = installing(*state); !other.empty())
        return refuse(Refusal::INSTALL_IN_PROGRESS, other + " is at work");
    if (!wanted.version().empty() && is_stored(*state, wanted.version()))
        return validated(wanted.version(), "the device has it");
    const auto room = state->standby_bytes;
    if (room > 0 && wanted.package_size() > room && wanted.package_size() - room > kMaxOverhead)
        return refuse(Refusal::TOO_LARGE,
                      fmt::format("the package has {} bytes, there is room for {}",
                                  wanted.package_size(), room));
    const auto started = door_.device.start_streamed({.kind = OperationKind::install,
                                                      .only_base = WantedBase{.not_running = true},
                                                      .asked_by = asker(call_)},
                                                     pipe_);
    if (!started)
        return refuse(install_error_type(started.error(), Stage::init), started.error().text());
    operation_ = *started;
    return transfer();
}

grpc::Status Installation::transfer() {
    ::gnoi::os::InstallResponse ready;
    ready.mutable_transfer_ready();
    stream_.Write(ready);
    switch (receive()) {
        case Received::all:
            pipe_->finish();
            tell_progress();  // with the final count; clients wait for one
            return conclude();
        case Received::unwanted: return conclude();
        case Received::not_all:
        case Received::out_of_turn: break;
    }
    const bool gone = call_.IsCancelled();
    pipe_->give_up(make_error(Errc::cancelled, "the client ended the transfer before its end"));
    if (const auto over = until_over(door_, operation_); !over) return status_of(over.error());
    if (gone) return {grpc::StatusCode::CANCELLED, "the client is gone"};
    return {grpc::StatusCode::INVALID_ARGUMENT,
            "transfer_content and one transfer_end are what follows transfer_ready"};
}

Installation::Received Installation::receive() {
    const std::stop_callback on_end(door_.ending.get_token(), [this] {
        pipe_->give_up(make_error(Errc::unavailable, "the agent ends"));
    });
    const std::jthread watcher(
        [this](const std::stop_token& stop) { cut_off_when_unwanted(stop); });
    ::gnoi::os::InstallRequest message;
    while (stream_.Read(&message)) {
        if (message.has_transfer_end()) return Received::all;
        if (!message.has_transfer_content()) return Received::out_of_turn;
        const auto& content = message.transfer_content();
        received_ += content.size();
        if (!pipe_->write(std::as_bytes(std::span(content)))) return Received::unwanted;
        if (received_ - told_ >= kProgressBytes) tell_progress();
    }
    return pipe_->is_closed() ? Received::unwanted : Received::not_all;
}

// The operation may end while the client is silent, and read() does not return by itself then.
void Installation::cut_off_when_unwanted(const std::stop_token& stop) {
    if (!pipe_->wait_until_closed(stop)) return;
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    never.wait_for(lock, stop, kGrace, [] { return false; });
    if (!stop.stop_requested()) call_.TryCancel();
}

grpc::Status Installation::conclude() {
    const auto operation = until_over(door_, operation_);
    if (!operation) return status_of(operation.error());
    if (operation->state != OperationState::done) {
        const auto error = failure_of(*operation);
        return refuse(install_error_type(error, operation->stage), error.text());
    }
    const auto state = door_.device.state();
    if (!state) return status_of(state.error());
    const auto installed = std::ranges::find(state->generations, operation->to, &Generation::id);
    if (installed == state->generations.end())
        return refuse(Refusal::UNSPECIFIED, "what was installed is replaced already");
    const auto& base = installed->base;
    return validated(base.version.text(),
                     fmt::format("{} {} is in slot {}", base.name, base.version.text(),
                                 to_string(installed->slot)));
}

void Installation::tell_progress() {
    told_ = received_;
    ::gnoi::os::InstallResponse progress;
    progress.mutable_transfer_progress()->set_bytes_received(received_);
    stream_.Write(progress);
}

grpc::Status Installation::validated(const std::string& version, const std::string& description) {
    ::gnoi::os::InstallResponse reply;
    reply.mutable_validated()->set_version(version);
    reply.mutable_validated()->set_description(shown(description));
    stream_.Write(reply);
    return grpc::Status::OK;
}

// gnoi.os has its errors in messages, under a status of OK.
grpc::Status Installation::refuse(Refusal::Type type, const std::string& detail) {
    ::gnoi::os::InstallResponse reply;
    reply.mutable_install_error()->set_type(type);
    reply.mutable_install_error()->set_detail(shown(detail));
    stream_.Write(reply);
    return grpc::Status::OK;
}

}  // namespace cutover::gnoi_door
