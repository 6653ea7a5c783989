#include "doors/dmi/events_service.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <expected>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/core.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>
#include <grpcpp/support/sync_stream.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "dmi/commons.pb.h"
#include "dmi/hw.pb.h"
#include "dmi/hw_events_mgmt_service.pb.h"
#include "dmi/sw_image.pb.h"
#include "doors/dmi/door_context.h"
#include "doors/dmi/errors.h"
#include "doors/dmi/event_message.h"
#include "doors/dmi/image_status.h"
#include "doors/dmi/reasons.h"
#include "model/device.h"
#include "model/event.h"
#include "model/operation.h"

namespace cutover {
namespace {

using Lock = std::lock_guard<std::mutex>;

constexpr std::string_view kEvents = "events";
constexpr std::array kKnown{::dmi::EVENT_HW_DEVICE_REBOOT, ::dmi::EVENT_COMPONENT_GENERIC_EVENT};
constexpr std::chrono::milliseconds kLookAround{200};
constexpr std::chrono::seconds kProgressEvery{1};
constexpr int kLookedThrough = 50;  // operations, for the last one on an image

bool is_known(::dmi::EventIds id) { return std::ranges::find(kKnown, id) != kKnown.end(); }

// How operations on images go, as events: told again only when something else is to be told.
class ImageNews {
public:
    ImageNews(Device& device, dmi_wire::EventSource source)
        : device_(device), source_(std::move(source)) {}

    std::optional<::dmi::Event> after(const Event& event) {
        if (!dmi_wire::may_change_image_status(event)) return std::nullopt;
        progress_.reset();
        return look(event.operation, event.time, false);
    }
    std::optional<::dmi::Event> after(const Progress& progress) {
        progress_ = progress;
        if (std::chrono::steady_clock::now() - told_ < kProgressEvery) return std::nullopt;
        return look(progress.operation, SystemClock().wall(), true);
    }

private:
    std::optional<::dmi::Event> look(OperationId id, WallTime time, bool descriptions) {
        const auto operation = device_.operation(id);
        if (!operation) return std::nullopt;
        const auto status = dmi_wire::image_status(*operation, progress_ ? &*progress_ : nullptr);
        if (!status) return std::nullopt;
        const bool same = id == operation_ && status->state() == last_.state() &&
                          (!descriptions || status->description() == last_.description());
        if (same) return std::nullopt;
        operation_ = id;
        last_ = *status;
        told_ = std::chrono::steady_clock::now();
        return dmi_wire::event_message(source_, *status, time);
    }

    Device& device_;
    dmi_wire::EventSource source_;
    std::optional<Progress> progress_;
    OperationId operation_ = 0;
    ::dmi::ImageStatus last_;
    std::chrono::steady_clock::time_point told_;
};

}  // namespace

EventsService::EventsService(DoorContext& door) : door_(door), settings_(door.folder) {
    if (const auto read = settings_.read(kEvents, configured_); !read)
        door_.log.warning("the events' configuration is lost", {{"error", read.error().text()}});
}

bool EventsService::wanted(::dmi::EventIds id) const {
    const Lock lock(mutex_);
    const auto found = std::ranges::find(configured_.items(), id, &::dmi::EventCfg::event_id);
    return found == configured_.items().end() || found->is_configured();
}

grpc::Status EventsService::ListEvents(grpc::ServerContext* /*call*/,
                                       const ::dmi::HardwareID* request,
                                       ::dmi::ListEventsResponse* reply) {
    using Reply = ::dmi::ListEventsResponse;
    if (const auto known = check_device(door_.device, request->uuid()); !known) {
        reply->set_status(::dmi::ERROR_STATUS);
        reply->set_reason(known.error().id == errors::dmi_unknown_device.id
                              ? Reply::UNKNOWN_DEVICE
                              : Reply::INTERNAL_ERROR);
        reply->set_reason_detail(dmi_wire::reason_detail(known.error()));
        return grpc::Status::OK;
    }
    reply->set_status(::dmi::OK_STATUS);
    for (const auto id : kKnown) {
        auto& item = *reply->mutable_events()->add_items();
        item.set_event_id(id);
        item.set_is_configured(wanted(id));
    }
    return grpc::Status::OK;
}

grpc::Status EventsService::UpdateEventsConfiguration(
    grpc::ServerContext* call, const ::dmi::EventsConfigurationRequest* request,
    ::dmi::EventsConfigurationResponse* reply) {
    using Reply = ::dmi::EventsConfigurationResponse;
    const auto updated = [&]() -> Result<> {
        TRY(check_device(door_.device, request->device_uuid()));
        const Lock lock(mutex_);
        auto configuration = configured_;
        if (request->reset_to_default()) configuration.Clear();
        for (const auto& change : request->changes().items()) {
            if (!is_known(change.event_id()))
                return fail(errors::dmi_bad_request, "event {} is none that the device has",
                            static_cast<int>(change.event_id()));
            if (change.has_thresholds())
                return fail(errors::dmi_bad_request, "event {} has no thresholds",
                            static_cast<int>(change.event_id()));
            auto& items = *configuration.mutable_items();
            const auto old =
                std::ranges::find(items, change.event_id(), &::dmi::EventCfg::event_id);
            auto& item = old == items.end() ? *items.Add() : *old;
            item.set_event_id(change.event_id());
            item.set_is_configured(change.is_configured());
        }
        TRY(settings_.keep(kEvents, configuration));
        configured_ = std::move(configuration);
        return {};
    }();
    reply->set_status(updated ? ::dmi::OK_STATUS : ::dmi::ERROR_STATUS);
    if (updated) {
        door_.log.info("events configured", {{"by", asker(*call)}});
        return grpc::Status::OK;
    }
    const auto& error = updated.error();
    reply->set_reason(error.id == errors::dmi_unknown_device.id ? Reply::UNKNOWN_DEVICE
                      : error.id == errors::dmi_bad_request.id  ? Reply::INVALID_CONFIG
                                                                : Reply::INTERNAL_ERROR);
    reply->set_reason_detail(dmi_wire::reason_detail(error));
    return grpc::Status::OK;
}

std::vector<::dmi::Event> EventsService::standing(const dmi_wire::EventSource& source) const {
    std::vector<::dmi::Event> events;
    if (const auto state = door_.device.state())
        for (const auto& alarm : state->alarms)
            events.push_back(dmi_wire::event_message(source, alarm));
    const auto operations = door_.device.operations(kLookedThrough);
    if (!operations) return events;
    for (const auto& operation : *operations) {
        const auto status = dmi_wire::image_status(operation);
        if (!status) continue;
        const auto time = operation.ended.value_or(operation.started);
        events.push_back(dmi_wire::event_message(source, *status, time));
        break;
    }
    return events;
}

grpc::Status EventsService::StreamEvents(grpc::ServerContext* call, const Empty* /*request*/,
                                         grpc::ServerWriter<::dmi::Event>* writer) {
    const StreamPlace place(door_, StreamPlace::kLeftByListeners);
    if (!place)
        return {grpc::StatusCode::RESOURCE_EXHAUSTED, "there are as many streams as may be"};
    const auto news = door_.hub.subscribe();
    const auto state = door_.device.state();
    if (!state) return {grpc::StatusCode::UNAVAILABLE, "the agent ends"};
    const dmi_wire::EventSource source{.device_uuid = state->uuid,
                                       .device_name = state->device_name};
    const auto tell = [&](const ::dmi::Event& event) {
        return !wanted(event.event_id()) || writer->Write(event);
    };
    for (const auto& event : standing(source))
        if (!tell(event)) return grpc::Status::CANCELLED;
    ImageNews images(door_.device, source);
    const auto ending = door_.ending.get_token();
    while (!call->IsCancelled() && !ending.stop_requested()) {
        const auto item = news->take(kLookAround);
        if (news->overflowed())
            return {grpc::StatusCode::RESOURCE_EXHAUSTED, "the client reads too slowly"};
        if (!item) continue;
        const auto* const event = std::get_if<Event>(&*item);
        if (event && !tell(dmi_wire::event_message(source, *event))) break;
        const auto image = event ? images.after(*event) : images.after(std::get<Progress>(*item));
        if (image && !tell(*image)) break;
    }
    if (ending.stop_requested())
        return {grpc::StatusCode::UNAVAILABLE, "the agent ends or the device restarts"};
    return grpc::Status::CANCELLED;
}

}  // namespace cutover
