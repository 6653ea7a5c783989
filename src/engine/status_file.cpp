#include "engine/status_file.h"

#include <algorithm>
#include <string>
#include <string_view>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "model/operation.h"

namespace cutover {

namespace {

// A message may hold what a script printed; one line is one line.
std::string on_one_line(std::string_view text) {
    std::string line(text);
    std::ranges::replace_if(line, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
    return line;
}

}  // namespace

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
        file_, fmt::format("{} {}:ended   ({})", to_status_time(when), workflow, on_one_line(how)));
}

}  // namespace cutover
