#include "doors/native/status.h"

#include <array>
#include <cstddef>
#include <string>
#include <utility>

#include <fmt/core.h>
#include <grpcpp/support/status.h>

#include "base/error.h"
#include "base/utf8.h"
#include "cutover/v1/device.pb.h"
#include "doors/native/convert.h"
#include "doors/native/errors.h"

namespace cutover::wire {
namespace {

struct Row {
    Errc kind;
    grpc::StatusCode code;
};

constexpr std::array kCodes{
    Row{Errc::invalid, grpc::StatusCode::INVALID_ARGUMENT},
    Row{Errc::not_found, grpc::StatusCode::NOT_FOUND},
    Row{Errc::conflict, grpc::StatusCode::FAILED_PRECONDITION},
    Row{Errc::refused, grpc::StatusCode::PERMISSION_DENIED},
    Row{Errc::untrusted, grpc::StatusCode::UNAUTHENTICATED},
    Row{Errc::corrupt, grpc::StatusCode::DATA_LOSS},
    Row{Errc::no_space, grpc::StatusCode::RESOURCE_EXHAUSTED},
    Row{Errc::io, grpc::StatusCode::INTERNAL},
    Row{Errc::timeout, grpc::StatusCode::DEADLINE_EXCEEDED},
    Row{Errc::cancelled, grpc::StatusCode::CANCELLED},
    Row{Errc::unsupported, grpc::StatusCode::UNIMPLEMENTED},
    Row{Errc::unavailable, grpc::StatusCode::UNAVAILABLE},
};

constexpr bool rows_follow_the_enum() {
    for (std::size_t i = 0; i < kCodes.size(); ++i)
        if (std::to_underlying(kCodes.at(i).kind) != i) return false;
    return kCodes.back().kind == Errc::unavailable;  // the last enumerator
}
static_assert(rows_follow_the_enum());

}  // namespace

grpc::StatusCode status_code(Errc kind) { return kCodes.at(std::to_underlying(kind)).code; }

std::string packed(const Error& error) { return from(error).SerializeAsString(); }

bool unpack(const std::string& bytes, Error& error) {
    v1::Error wire;
    if (!wire.ParseFromString(bytes) || wire.id().empty()) return false;
    error = to_model(wire);
    return true;
}

grpc::Status status_of(const Error& error) {
    constexpr std::size_t kMaxBytes = 1024;  // the metadata has it whole
    // Limits of the door itself are exhausted resources to gRPC, whatever they are to a person.
    const bool limit = error.id == errors::door_too_many_followers.id ||
                       error.id == errors::door_follower_too_slow.id;
    const auto text = fmt::format("[{}] {}", error.id, error.text());
    return {limit ? grpc::StatusCode::RESOURCE_EXHAUSTED : status_code(error.kind),
            shown_utf8(text, kMaxBytes)};
}

}  // namespace cutover::wire
