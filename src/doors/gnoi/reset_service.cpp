#include "doors/gnoi/reset_service.h"

#include <string>

#include <google/protobuf/any.pb.h>
#include <google/protobuf/unknown_field_set.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "base/error.h"
#include "doors/gnoi/door_context.h"
#include "doors/gnoi/following.h"
#include "gnoi/factory_reset/factory_reset.pb.h"
#include "model/errors.h"
#include "model/operation.h"

namespace cutover::gnoi_door {
namespace {

using ::gnoi::factory_reset::ResetError;

// A flag that is not supported is INVALID_ARGUMENT, with what is wrong in the status' details. They
// are a google.rpc.Status, which is code, message and details by these numbers.
grpc::Status unsupported(const ResetError& why) {
    constexpr int kCode = 1;
    constexpr int kMessage = 2;
    constexpr int kDetails = 3;
    constexpr auto code = grpc::StatusCode::INVALID_ARGUMENT;
    google::protobuf::Any packed;
    packed.PackFrom(why);
    google::protobuf::UnknownFieldSet status;
    status.AddVarint(kCode, code);
    status.AddLengthDelimited(kMessage, why.detail());
    status.AddLengthDelimited(kDetails, packed.SerializeAsString());
    std::string details;
    status.SerializeToString(&details);
    return {code, why.detail(), details};
}

}  // namespace

grpc::Status ResetService::Start(grpc::ServerContext* call,
                                 const ::gnoi::factory_reset::StartRequest* request,
                                 ::gnoi::factory_reset::StartResponse* reply) {
    ResetError why;
    if (request->zero_fill()) {
        why.set_zero_fill_unsupported(true);
        why.set_detail("files are removed, their blocks are not overwritten");
        return unsupported(why);
    }
    const auto done = until_restart(door_, {.kind = OperationKind::reset,
                                            .keep_access = request->retain_certs(),
                                            .factory_base = request->factory_os(),
                                            .asked_by = asker(*call)});
    if (!done && done.error().id == errors::plan_no_factory_base.id) {
        why.set_factory_os_unsupported(true);
        why.set_detail(shown(done.error().text()));
        return unsupported(why);
    }
    if (!done) return status_of(done.error());
    reply->mutable_reset_success();
    return grpc::Status::OK;
}

}  // namespace cutover::gnoi_door
