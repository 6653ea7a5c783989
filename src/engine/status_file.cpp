#include "engine/status_file.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "model/operation.h"

namespace cutover {

namespace {

constexpr std::uintmax_t kMaxBytes = std::uintmax_t{1024} * 1024;

// A message may hold what a script printed; one line is one line.
std::string on_one_line(std::string_view text) {
    std::string line(text);
    std::ranges::replace_if(line, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
    return line;
}

}  // namespace

// Between two workflows, so that each is whole in one file.
Result<> StatusFile::make_room() const {
    std::error_code error;
    const auto size = std::filesystem::file_size(file_, error);
    if (error || size <= kMaxBytes) return {};
    auto older = file_;
    older += ".1";
    return rename_durably(file_, older);
}

Result<> StatusFile::entered(WallTime when, Stage stage) const {
    if (stage == kStages.front()) TRY(make_room());
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
