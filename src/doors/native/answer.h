#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "base/error.h"
#include "doors/native/status.h"

// How the services of this door answer.
namespace cutover {

inline grpc::Status answer(grpc::ServerContext& context, const Error& error) {
    context.AddTrailingMetadata(wire::kErrorMetadata, wire::packed(error));
    return wire::status_of(error);
}

// Sends what `result` holds, as `set` puts it into the reply; or its error.
template <typename Value, typename Set>
grpc::Status answer(grpc::ServerContext& context, Result<Value> result, Set set) {
    if (!result) return answer(context, result.error());
    set(*result);
    return grpc::Status::OK;
}

inline grpc::Status answer(grpc::ServerContext& context, const Result<>& result) {
    return result ? grpc::Status::OK : answer(context, result.error());
}

}  // namespace cutover
