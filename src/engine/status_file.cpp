#include "engine/status_file.h"

#include <string_view>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "model/operation.h"

namespace cutover {

Result<> StatusFile::entered(WallTime when, Stage stage) const {
    return append_line_durably(file_,
                               fmt::format("{} {}:start", to_status_time(when), to_string(stage)));
}

Result<> StatusFile::left(WallTime when, Stage stage) const {
    return append_line_durably(file_,
                               fmt::format("{} {}:ended", to_status_time(when), to_string(stage)));
}

Result<> StatusFile::ended(WallTime when, std::string_view workflow, std::string_view how) const {
    return append_line_durably(
        file_, fmt::format("{} {}:ended   ({})", to_status_time(when), workflow, how));
}

}  // namespace cutover
