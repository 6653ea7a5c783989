#pragma once

#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>
#include <grpcpp/support/sync_stream.h>

#include "dmi/hw_events_mgmt_service.grpc.pb.h"
#include "doors/dmi/door_context.h"
#include "doors/dmi/event_message.h"
#include "doors/dmi/settings.h"
#include "model/event.h"
#include "model/operation.h"

namespace google::protobuf {
class Empty;
}

namespace cutover {

// dmi.NativeEventsManagementService.
class EventsService final : public ::dmi::NativeEventsManagementService::Service {
public:
    using Empty = google::protobuf::Empty;

    explicit EventsService(DoorContext& door);

    grpc::Status ListEvents(grpc::ServerContext* call, const ::dmi::HardwareID* request,
                            ::dmi::ListEventsResponse* reply) override;
    grpc::Status UpdateEventsConfiguration(grpc::ServerContext* call,
                                           const ::dmi::EventsConfigurationRequest* request,
                                           ::dmi::EventsConfigurationResponse* reply) override;
    // First what stands: alarms, and how the last operation on an image has gone or goes, so that
    // who comes after a reboot is told. Then what happens, for ever.
    grpc::Status StreamEvents(grpc::ServerContext* call, const Empty* request,
                              grpc::ServerWriter<::dmi::Event>* writer) override;

private:
    bool wanted(::dmi::EventIds id) const;
    std::vector<::dmi::Event> standing(const dmi_wire::EventSource& source) const;

    DoorContext& door_;
    mutable std::mutex mutex_;  // guards what is below
    DoorSettings settings_;
    ::dmi::EventsCfg configured_;  // what was changed; all else is reported
};

}  // namespace cutover
