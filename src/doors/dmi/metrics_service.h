#pragma once

#include <mutex>
#include <vector>

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>
#include <grpcpp/support/sync_stream.h>

#include "base/error.h"
#include "dmi/hw_metrics_mgmt_service.grpc.pb.h"
#include "dmi/hw_metrics_mgmt_service.pb.h"
#include "doors/dmi/door_context.h"
#include "doors/dmi/machine_load.h"
#include "doors/dmi/settings.h"

namespace google::protobuf {
class Empty;
}

namespace cutover {

// dmi.NativeMetricsManagementService for processor, memory and disk.
class MetricsService final : public ::dmi::NativeMetricsManagementService::Service {
public:
    using Empty = google::protobuf::Empty;

    MetricsService(DoorContext& door, MachineLoad& load);

    grpc::Status ListMetrics(grpc::ServerContext* call, const ::dmi::HardwareID* request,
                             ::dmi::ListMetricsResponse* reply) override;
    grpc::Status GetMetric(grpc::ServerContext* call, const ::dmi::GetMetricRequest* request,
                           ::dmi::GetMetricResponse* reply) override;
    // Kept over restarts; what goes to a message bus goes by it too.
    grpc::Status UpdateMetricsConfiguration(grpc::ServerContext* call,
                                            const ::dmi::MetricsConfigurationRequest* request,
                                            ::dmi::MetricsConfigurationResponse* reply) override;
    // Each at its interval, for ever.
    grpc::Status StreamMetrics(grpc::ServerContext* call, const Empty* request,
                               grpc::ServerWriter<::dmi::Metric>* writer) override;

private:
    Result<std::vector<::dmi::Metric>> measure();
    ::dmi::MetricsConfig config();

    DoorContext& door_;
    MachineLoad& load_;
    std::mutex mutex_;  // guards what is below
    DoorSettings settings_;
    ::dmi::MetricsConfig config_;
};

}  // namespace cutover
