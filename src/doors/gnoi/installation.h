#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>
#include <grpcpp/support/sync_stream.h>

#include "base/byte_pipe.h"
#include "base/error.h"
#include "doors/gnoi/door_context.h"
#include "gnoi/os/os.pb.h"
#include "model/device.h"
#include "model/operation.h"

namespace cutover::gnoi_door {

// One Install of gnoi.os. What comes is written to the standby slot as it comes, by an operation of
// the device like any other; this thread waits when that one does.
class Installation {
public:
    using Stream =
        grpc::ServerReaderWriter<::gnoi::os::InstallResponse, ::gnoi::os::InstallRequest>;

    Installation(DoorContext& door, grpc::ServerContext& call, Stream& stream)
        : door_(door), call_(call), stream_(stream) {}

    grpc::Status run();

private:
    enum class Received : std::uint8_t { all, not_all, out_of_turn, unwanted };

    grpc::Status begin(const ::gnoi::os::TransferRequest& wanted);
    grpc::Status transfer();
    Received receive();
    void cut_off_when_unwanted(const std::stop_token& stop);
    grpc::Status conclude();
    void tell_progress();
    grpc::Status validated(const std::string& version, const std::string& description);
    grpc::Status refuse(::gnoi::os::InstallError::Type type, const std::string& detail);

    DoorContext& door_;
    grpc::ServerContext& call_;
    Stream& stream_;
    std::shared_ptr<BytePipe> pipe_ = std::make_shared<BytePipe>();
    OperationId operation_ = 0;
    std::uint64_t received_ = 0;
    std::uint64_t told_ = 0;
};

}  // namespace cutover::gnoi_door
