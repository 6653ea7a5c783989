#pragma once

#include <filesystem>
#include <string_view>

#include "base/error.h"

namespace google::protobuf {
class Message;
}

namespace cutover {

// What clients have set and a restart must not forget: one message, one file.
class DoorSettings {
public:
    explicit DoorSettings(std::filesystem::path folder) : folder_(std::move(folder)) {}

    // False, and `message` untouched, when nothing was kept under that name.
    Result<bool> read(std::string_view name, google::protobuf::Message& message) const;
    Result<> keep(std::string_view name, const google::protobuf::Message& message);
    Result<> forget(std::string_view name);

private:
    std::filesystem::path folder_;
};

}  // namespace cutover
