#pragma once

#include <memory>

#include "doors/outer/gate.h"
#include "doors/outer/tls_files.h"
#include "model/security_config.h"

namespace grpc {
class ServerCredentials;
}

namespace cutover {

// The credentials of one place: every call that comes by them is asked about at the gate first,
// whatever its method. Without `tls` there is no encryption. All three outlive the server.
std::shared_ptr<grpc::ServerCredentials> credentials_of(Place& place, Gate& gate, TlsFiles* tls,
                                                        ClientCertificates clients);

}  // namespace cutover
