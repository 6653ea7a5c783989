// The agent of a device: of the machine that it runs on, or of an emulated device. Of that it is
// also the power switch: it plays the boot loader, boots a slot, and is started anew, in the same
// process, by every reboot.

#include <CLI/App.hpp>
#include <CLI/CLI.hpp>  // IWYU pragma: keep
#include <CLI/Validators.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <malloc.h>
#include <string>
#include <utility>

#include <fmt/core.h>

#include "backends.h"
#include "base/error.h"
#include "base/files.h"
#include "base/journal_target.h"
#include "base/log.h"
#ifdef CUTOVER_BACKEND_EMULATED
#include "emulated_agent.h"
#endif
#include "model/device_config.h"
#include "platform/device_folder.h"
#include "real_agent.h"

namespace {

using cutover::LogLevel;
using cutover::Result;

// Where standard error is the journal's, lines go there with their fields.
std::filesystem::path journal_of(const cutover::LogConfig& config) {
    switch (config.journal) {
        case cutover::JournalUse::automatic:
            return cutover::JournalTarget::is_standard_error() ? config.journal_socket : "";
        case cutover::JournalUse::never: return {};
        case cutover::JournalUse::always: return config.journal_socket;
    }
    std::unreachable();
}

Result<> run(const std::filesystem::path& folder, LogLevel level, [[maybe_unused]] char** argv) {
    const auto config = TRY(cutover::read_device_config(folder));
    [[maybe_unused]] const bool emulated = TRY(cutover::is_emulated(config));
    TRY(cutover::make_folders(folder / "log"));
    const auto log = TRY(cutover::Log::open({.level = level,
                                             .journal = journal_of(config.log),
                                             .device = config.name,
                                             .json_file = folder / "log" / "agent.log"}));
#ifdef CUTOVER_BACKEND_EMULATED
    if (emulated) return cutover::run_emulated_device(folder, *log, argv);
#endif
    const auto held = TRY(cutover::DeviceFolder::open(folder));
    return cutover::run_real_device(held, *log);
}

// Each of glibc's arenas, eight for every processor, keeps what its threads have freed: with few of
// them, what a crowd of clients took is given back when they have gone, and the most is half as
// much (bench/load).
void keep_memory_small() {
#ifdef __GLIBC__
    constexpr int kArenas = 2;
    static_cast<void>(::mallopt(M_ARENA_MAX, kArenas));
#endif
}

}  // namespace

int main(int argc, char** argv) {
    keep_memory_small();
    try {
        CLI::App app{"The agent of a cutover device; on an emulated one also its power switch.",
                     "cutoverd"};
        std::string folder;
        bool debug = false;
        app.add_option("--device", folder, "Folder of the device (see `cutover device create`)")
            ->required()
            ->check(CLI::ExistingDirectory);
        app.add_flag("--debug", debug, "Log more");
        app.set_version_flag("--version", CUTOVER_VERSION);
        CLI11_PARSE(app, argc, argv);
        const auto done =
            run(std::filesystem::absolute(folder), debug ? LogLevel::debug : LogLevel::info, argv);
        if (done) return EXIT_SUCCESS;
        const auto& error = done.error();
        fmt::print(stderr, "error[{}]: {}\n  cause:  {}\n  remedy: {}\n", error.id, error.message,
                   error.cause, error.remedy);
    } catch (const std::exception& problem) {  // CLI11 and fmt throw; nothing of ours does
        std::fputs(problem.what(), stderr);
    }
    return EXIT_FAILURE;
}
