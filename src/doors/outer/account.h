#pragma once

#include <memory>
#include <string>

#include <grpcpp/support/server_interceptor.h>

#include "access/access.h"
#include "base/log.h"
#include "doors/outer/gate.h"

namespace grpc {
class ServerContext;
}

namespace cutover {

// What is done around each call that was let in: handlers are told who asks, see no credentials,
// and how it ends goes into the audit log. `access` may be null: there is no log then.
std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> make_accounts(
    const Gate& gate, Access* access);

// For a handler: "alice@ipv4:192.0.2.1:40312".
std::string asker_of(const grpc::ServerContext& call);

}  // namespace cutover
