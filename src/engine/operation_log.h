#pragma once

#include <filesystem>
#include <string_view>

#include "base/clock.h"
#include "model/operation.h"

namespace cutover {

// What one operation did and said, for people: log/operation-N.log, at most a megabyte. A line that
// cannot be written is lost; the journal is what counts.
class OperationLog {
public:
    OperationLog(const std::filesystem::path& device_folder, OperationId operation);
    void write(WallTime when, std::string_view text);
    static std::filesystem::path file(const std::filesystem::path& device_folder,
                                      OperationId operation);

private:
    std::filesystem::path file_;
};

}  // namespace cutover
