#include "engine/stage_scripts.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <filesystem>
#include <string>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/files.h"
#include "crypto/digest.h"
#include "engine/ini.h"
#include "model/operation.h"
#include "model/planner.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxScriptBytes = std::size_t{4} * 1024 * 1024;
constexpr std::size_t kMaxIniBytes = std::size_t{64} * 1024;
constexpr int kIniOrder = 50;

bool has_prefix(const std::string& name) {
    const auto digit = [&](std::size_t i) {
        return std::isdigit(static_cast<unsigned char>(name[i])) != 0;
    };
    return name.size() > 3 && digit(0) && digit(1) && name[2] == '-';
}

Result<std::vector<StageScript>> scripts_of(const fs::path& folder, Stage stage) {
    std::vector<StageScript> result;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
        const auto name = entry.path().filename().string();
        std::error_code ignored;
        if (!has_prefix(name) || !entry.is_regular_file(ignored)) continue;
        if (::access(entry.path().c_str(), X_OK) != 0) continue;
        const auto content = TRY(read_file(entry.path(), kMaxScriptBytes));
        result.push_back({.stage = stage,
                          .order = (name[0] - '0') * 10 + (name[1] - '0'),
                          .name = fmt::format("{}/{}", to_string(stage), name),
                          .command = {fs::absolute(entry.path()).string()},
                          .digest = to_hex(sha256(content))});
    }
    std::ranges::sort(result, {}, &StageScript::name);
    return result;
}

}  // namespace

Result<std::vector<StageScript>> find_stage_scripts(const fs::path& folder,
                                                    const std::vector<fs::path>& ini_files) {
    std::vector<StageScript> result;
    for (const auto stage : kStages)
        for (auto& script : TRY(scripts_of(folder / to_string(stage), stage)))
            result.push_back(std::move(script));
    for (const auto& file : ini_files) {
        const auto text = TRY(read_file(file, kMaxIniBytes), "read INI file");
        for (auto& entry : TRY(parse_ini(text), "{}", file.string()))
            result.push_back(
                {.stage = entry.stage,
                 .order = kIniOrder,
                 .name = fmt::format("{} [{}] command[{}]", file.filename().string(),
                                     to_string(entry.stage), entry.index),
                 .command = entry.command,
                 .digest = to_hex(sha256(fmt::format("{}", fmt::join(entry.command, "\n"))))});
    }
    return result;
}

}  // namespace cutover
