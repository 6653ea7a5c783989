#include "doors/dmi/door_context.h"

#include <algorithm>
#include <cstddef>
#include <string>

#include <grpcpp/server_context.h>

#include "base/error.h"
#include "base/utf8.h"
#include "dmi/hw.pb.h"
#include "doors/dmi/errors.h"
#include "doors/dmi/image_status.h"
#include "doors/outer/account.h"
#include "model/device.h"

namespace cutover {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

std::string asker(const grpc::ServerContext& call) {
    return asker_of(call) + std::string(dmi_wire::kAskedThrough);
}

std::string shown_uuid(const ::dmi::Uuid& uuid) {
    constexpr std::size_t kShown = 64;
    return shown_utf8(uuid.uuid(), kShown);
}

Result<> check_device(Device& device, const ::dmi::Uuid& uuid) {
    const auto own = TRY(device.state()).uuid;
    if (!own.empty() && std::ranges::equal(uuid.uuid(), own, {}, lower, lower)) return {};
    return fail(errors::dmi_unknown_device, "there is no device \"{}\"", shown_uuid(uuid));
}

}  // namespace cutover
