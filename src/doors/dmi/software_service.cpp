#include "doors/dmi/software_service.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <expected>
#include <string>

#include <fmt/core.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>
#include <grpcpp/support/sync_stream.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/url.h"
#include "base/utf8.h"
#include "dmi/commons.pb.h"
#include "dmi/hw.pb.h"
#include "dmi/sw_image.pb.h"
#include "dmi/sw_management_service.pb.h"
#include "doors/dmi/door_context.h"
#include "doors/dmi/errors.h"
#include "doors/dmi/image_follower.h"
#include "doors/dmi/image_request.h"
#include "doors/dmi/image_status.h"
#include "doors/dmi/reasons.h"
#include "model/device.h"
#include "model/errors.h"
#include "model/generation.h"
#include "model/operation.h"
#include "model/slot.h"

namespace cutover {
namespace {

using Image = ::dmi::ImageStatus;
using Upload = ::dmi::UploadDebugInfoStatus;

grpc::Status too_many_streams() {
    return {grpc::StatusCode::RESOURCE_EXHAUSTED, "there are as many streams as may be"};
}

// Whether the standby slot holds something that can be run at all; the engine asks more exactly.
Result<> check_standby(const DeviceState& state, OperationKind kind) {
    const auto standby = other(state.active_slot);
    for (const auto& slot : state.slots) {
        if (slot.slot != standby || !slot.holds) continue;
        const auto name = fmt::format("{} {}", slot.holds->name, slot.holds->version.text());
        if (kind == OperationKind::revert && !slot.committed_once)
            return fail(errors::plan_never_committed, "{} in slot {} was never committed", name,
                        to_string(standby));
        if (kind == OperationKind::activate && slot.state == SlotState::bad)
            return fail(errors::plan_standby_bad, "{} in slot {} failed its last trial", name,
                        to_string(standby));
        return {};
    }
    return fail(errors::plan_no_standby, "standby slot {} holds no image", to_string(standby));
}

void add_version(const PackageRef& package, ::dmi::ImageVersion& version) {
    version.set_image_name(valid_utf8(package.name));
    version.set_version(package.version.text());
}

void add_versions(const DeviceState& state, ::dmi::SoftwareVersionInformation& info) {
    const auto running = std::ranges::find(state.generations, state.marks.running, &Generation::id);
    if (running != state.generations.end()) {
        add_version(running->base, *info.add_active_versions());
        for (const auto& package : running->packages)
            add_version(package, *info.add_active_versions());
    }
    for (const auto& slot : state.slots)
        if (slot.slot != state.active_slot && slot.holds)
            add_version(*slot.holds, *info.add_standby_versions());
}

std::string bundle_name(const DeviceState& state) {
    const auto now = SystemClock().wall().time_since_epoch().count();
    return fmt::format("{}-{}-{}.tar", dmi_wire::plain_name(state.device_name),
                       state.uuid.substr(0, 8), now);
}

}  // namespace

grpc::Status SoftwareService::GetSoftwareVersion(
    grpc::ServerContext* /*call*/, const ::dmi::HardwareID* request,
    ::dmi::GetSoftwareVersionInformationResponse* reply) {
    using Reply = ::dmi::GetSoftwareVersionInformationResponse;
    const auto known = check_device(door_.device, request->uuid());
    const auto state = door_.device.state();
    if (known && state) {
        reply->set_status(::dmi::OK_STATUS);
        add_versions(*state, *reply->mutable_info());
        return grpc::Status::OK;
    }
    const auto& error = !known ? known.error() : state.error();
    reply->set_status(::dmi::ERROR_STATUS);
    reply->set_reason(error.id == errors::dmi_unknown_device.id ? Reply::UNKNOWN_DEVICE
                                                                : Reply::INTERNAL_ERROR);
    reply->set_reason_detail(dmi_wire::reason_detail(error));
    return grpc::Status::OK;
}

grpc::Status SoftwareService::DownloadImage(grpc::ServerContext* call,
                                            const ::dmi::DownloadImageRequest* request,
                                            ImageWriter* writer) {
    if (const auto known = check_device(door_.device, request->device_uuid()); !known)
        return refuse(known.error(), *writer);
    const auto wanted = dmi_wire::install_request(request->image_info());
    if (!wanted) return refuse(wanted.error(), *writer);
    return run(*call, *wanted, *writer);
}

grpc::Status SoftwareService::ActivateImage(grpc::ServerContext* call,
                                            const ::dmi::HardwareID* request, ImageWriter* writer) {
    return leave_running(*call, *request, OperationKind::activate, *writer);
}

grpc::Status SoftwareService::RevertToStandbyImage(grpc::ServerContext* call,
                                                   const ::dmi::HardwareID* request,
                                                   ImageWriter* writer) {
    return leave_running(*call, *request, OperationKind::revert, *writer);
}

// To what is in the standby slot.
grpc::Status SoftwareService::leave_running(grpc::ServerContext& call,
                                            const ::dmi::HardwareID& device, OperationKind kind,
                                            ImageWriter& writer) {
    if (const auto known = check_device(door_.device, device.uuid()); !known)
        return refuse(known.error(), writer);
    const auto state = door_.device.state();
    if (!state) return refuse(state.error(), writer);
    // While an operation is at work, that is what is to be said.
    if (!state->current)
        if (const auto possible = check_standby(*state, kind); !possible)
            return refuse(possible.error(), writer);
    return run(call, {.kind = kind}, writer);
}

grpc::Status SoftwareService::run(grpc::ServerContext& call, const Request& request,
                                  ImageWriter& writer) {
    const StreamPlace place(door_);
    if (!place) return too_many_streams();
    auto wanted = request;
    wanted.asked_by = asker(call);
    const auto operation = door_.device.start(wanted);
    if (!operation) return refuse(operation.error(), writer);
    door_.log.info("DMI operation", {{"operation", std::to_string(*operation)},
                                     {"kind", std::string(to_string(request.kind))},
                                     {"by", wanted.asked_by}});
    return ImageFollower(door_, *operation)
        .tell({.write = [&](const Image& status) { return writer.Write(status); },
               .gone = [&] { return call.IsCancelled(); }});
}

grpc::Status SoftwareService::refuse(const Error& error, ImageWriter& writer) const {
    const auto state = door_.device.state();
    auto status = dmi_wire::refused_image(
        state ? dmi_wire::image_state(*state) : Image::UNDEFINED_STATE, error);
    if (status.reason() == Image::UNKNOWN_DEVICE) status.set_state(Image::UNDEFINED_STATE);
    writer.Write(status);
    return grpc::Status::OK;
}

// Runs to its end whether or not the client still reads.
grpc::Status SoftwareService::UpdateStartupConfiguration(
    grpc::ServerContext* call, const ::dmi::ConfigRequest* request,
    grpc::ServerWriter<::dmi::ConfigResponse>* writer) {
    const StreamPlace place(door_);
    if (!place) return too_many_streams();
    const auto update = [&]() -> Result<> {
        TRY(check_device(door_.device, request->device_uuid()));
        TRY(dmi_wire::check_source_url(request->config_url()));
        door_.log.info("DMI startup configuration",
                       {{"url", without_secrets(request->config_url())}, {"by", asker(*call)}});
        return door_.device.update_startup_config(request->config_url());
    };
    const auto updated = update();
    ::dmi::ConfigResponse reply;
    reply.set_status(updated ? ::dmi::OK_STATUS : ::dmi::ERROR_STATUS);
    if (!updated) {
        const auto& error = updated.error();
        reply.set_reason(dmi_wire::config_reason(error));
        reply.set_reason_detail(dmi_wire::reason_detail(error));
    }
    writer->Write(reply);
    return grpc::Status::OK;
}

grpc::Status SoftwareService::GetStartupConfigurationInfo(
    grpc::ServerContext* /*call*/, const ::dmi::StartupConfigInfoRequest* request,
    ::dmi::StartupConfigInfoResponse* reply) {
    using Reply = ::dmi::StartupConfigInfoResponse;
    const auto known = check_device(door_.device, request->device_uuid());
    const auto config = door_.device.startup_config();
    if (known && config) {
        reply->set_status(::dmi::OK_STATUS);
        reply->set_config_url(valid_utf8(config->source));
        reply->set_version(valid_utf8(config->version));
        return grpc::Status::OK;
    }
    const auto& error = !known ? known.error() : config.error();
    reply->set_status(::dmi::ERROR_STATUS);
    reply->set_reason(error.id == errors::dmi_unknown_device.id ? Reply::UNKNOWN_DEVICE
                                                                : Reply::INTERNAL_ERROR);
    reply->set_reason_detail(dmi_wire::reason_detail(error));
    return grpc::Status::OK;
}

grpc::Status SoftwareService::UploadDebugInfo(grpc::ServerContext* call,
                                              const ::dmi::UploadDebugInfoRequest* request,
                                              grpc::ServerWriter<Upload>* writer) {
    const StreamPlace place(door_);
    if (!place) return too_many_streams();
    Upload status;
    status.mutable_device_uuid()->set_uuid(shown_uuid(request->device_uuid()));
    status.set_location_url(dmi_wire::shown_url(request->location_url()));
    status.set_status(Upload::IN_PROGRESS);
    auto sent = std::chrono::steady_clock::now();
    const auto tell = [&](std::uint64_t done, std::uint64_t total) {
        const auto now = std::chrono::steady_clock::now();
        if (now - sent < std::chrono::seconds(1) || total == 0) return;
        sent = now;
        status.set_percent_uploaded(static_cast<int>(std::min(done * 100 / total, 99UL)));
        writer->Write(status);  // what is begun is finished, read or not
    };
    const auto uploaded = [&]() -> Result<> {
        TRY(check_device(door_.device, request->device_uuid()));
        status.set_file_name(bundle_name(TRY(door_.device.state())));
        const auto url = TRY(dmi_wire::upload_url(request->location_url(), status.file_name()));
        writer->Write(status);
        door_.log.info("DMI debug information",
                       {{"to", status.location_url()}, {"by", asker(*call)}});
        return door_.device.upload_debug_info(url, tell, door_.ending.get_token());
    }();
    status.set_status(uploaded ? Upload::COMPLETE : Upload::ERROR);
    if (uploaded) status.set_percent_uploaded(100);
    if (!uploaded) {
        const auto& error = uploaded.error();
        door_.log.warning("debug information is not uploaded", {{"error", error.text()}});
        status.set_reason(dmi_wire::upload_reason(error));
    }
    writer->Write(status);
    return grpc::Status::OK;
}

}  // namespace cutover
