#include "doors/dmi/settings.h"

#include <cstddef>
#include <expected>
#include <string_view>

#include <google/protobuf/message.h>

#include "base/error.h"
#include "base/files.h"

namespace cutover {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{256} * 1024;

}  // namespace

Result<bool> DoorSettings::read(std::string_view name, google::protobuf::Message& message) const {
    const auto bytes = read_file(folder_ / name, kMaxBytes);
    if (!bytes && bytes.error().kind == Errc::not_found) return false;
    if (!bytes) return std::unexpected(bytes.error());
    if (!message.ParseFromString(*bytes))
        return fail(Errc::corrupt, "{} cannot be read", (folder_ / name).string());
    return true;
}

Result<> DoorSettings::keep(std::string_view name, const google::protobuf::Message& message) {
    if (message.ByteSizeLong() > kMaxBytes)
        return fail(Errc::invalid, "more than {} bytes are not kept", kMaxBytes);
    TRY(make_folders(folder_));
    return write_file_durably(folder_ / name, message.SerializeAsString());
}

Result<> DoorSettings::forget(std::string_view name) {
    TRY(remove_tree(folder_ / name));
    return sync_folder(folder_);
}

}  // namespace cutover
