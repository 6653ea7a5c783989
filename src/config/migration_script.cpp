#include "config/migration_script.h"

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <sys/stat.h>

#include <fmt/core.h>

#include "base/error.h"
#include "base/files.h"
#include "base/process.h"
#include "config/data_upgrade.h"
#include "config/errors.h"
#include "model/configuration.h"

namespace cutover {
namespace {

constexpr std::chrono::seconds kDeadline(60);
constexpr std::size_t kSaid = 500;  // bytes of what a script said, in an error

}  // namespace

Result<std::string> run_migration_script(const std::filesystem::path& folder,
                                         const MigrationFile& script, std::string_view json) {
    TRY(make_folders(folder));
    const auto own = TRY(TempFolder::create(folder, "migration-"));
    const auto program = own.path() / "script";
    const auto before = own.path() / "before.json";
    const auto after = own.path() / "after.json";
    TRY(write_file_durably(program, script.text));
    if (::chmod(program.c_str(), S_IRWXU) != 0)
        return fail(Errc::io, "make {} a program", program.string());
    TRY(write_file_durably(before, json));
    const auto named = fmt::format("{}/{}-to-{}", script.module, script.from, script.to);
    const auto ended =
        TRY(run_process({.command = {program.string(), before.string(), after.string()},
                         .folder = own.path(),
                         .environment = {{"CUTOVER_MODULE", script.module},
                                         {"CUTOVER_FROM", script.from},
                                         {"CUTOVER_TO", script.to}},
                         .timeout = kDeadline}),
            "migration {}", named);
    if (ended.exit_code != 0)
        return fail(errors::config_migration, "{} ended with exit code {}: {}", named,
                    ended.exit_code, ended.output.substr(0, kSaid));
    return TRY(read_file(after, kMaxConfigBytes), "it wrote nothing to its second argument");
}

}  // namespace cutover
