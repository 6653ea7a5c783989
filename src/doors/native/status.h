#pragma once

#include <string>

#include <grpcpp/support/status.h>

#include "base/error.h"

// An Error on its way through gRPC: its kind as a status code, for programs that know only gRPC;
// all of it in the trailing metadata.
namespace cutover::wire {

inline constexpr const char* kErrorMetadata = "cutover-error-bin";

// Headers of a request or an answer, errors among them.
inline constexpr int kMaxMetadataBytes = 64 * 1024;
inline constexpr int kMaxMessageBytes = 16 * 1024 * 1024;

grpc::StatusCode status_code(Errc kind);

// What `kErrorMetadata` holds.
std::string packed(const Error& error);
// False when `bytes` are nothing that packed() has made.
bool unpack(const std::string& bytes, Error& error);

grpc::Status status_of(const Error& error);

}  // namespace cutover::wire
