// Runs at early boot, before services: shows the persistent files of the running base over its
// root. Small on purpose: the agent's libraries are not needed, and time is short.

#include <CLI/App.hpp>
#include <CLI/CLI.hpp>  // IWYU pragma: keep
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <string>

#include <fmt/core.h>
#include <fmt/format.h>

#include "backends/block/slot_claim.h"
#include "backends/machine/boot_notes.h"
#include "backends/machine/machine_host.h"
#include "backends/machine/persistent_mounts.h"
#include "base/error.h"
#include "platform/boot_control.h"
#include "platform/device_folder.h"
#include "platform/factory_reset.h"
#include "platform/kernel_command_line.h"

namespace {

namespace fs = std::filesystem;
using cutover::BootReason;
using cutover::Result;

struct Options {
    std::string device;
    std::string root = "/";
    std::string command_line = "/proc/cmdline";
    bool restart_on_trial = false;
};

Result<> show(const Options& options, const cutover::BootedAs& booted) {
    const auto config = TRY(cutover::read_device_config(options.device));
    const auto claim = TRY(cutover::read_claim(fs::path(options.device) / "slots", booted.slot));
    const auto persist = (fs::path(options.device) / config.persist).lexically_normal() /
                         std::string(1, cutover::letter(booted.slot));
    const auto shown = TRY(cutover::show_persistent(options.root, persist, claim.manifest.persist));
    fmt::print(stderr, "{} persistent paths of {} {} are shown\n", shown.shown, claim.manifest.name,
               claim.manifest.version.text());
    if (!shown.left_out.empty())
        fmt::print(stderr, "the base has no place for: {}\n", fmt::join(shown.left_out, ", "));
    return {};
}

// A trial without its persistent files has failed: the next boot is another try, or the fallback.
// A committed base goes on all the same, for somebody must be able to look at it.
Result<> run(const Options& options) {
    if (const auto reset = cutover::carry_out_reset(options.device); !reset)
        fmt::print(stderr, "factory reset: {}\n", reset.error().text());
    const auto booted = TRY(cutover::read_kernel_command_line(options.command_line));
    auto shown = show(options, booted);
    if (shown) return {};
    const auto id = cutover::kernel_boot_id();
    const auto noted =
        cutover::note_boot(fs::path(options.device) / "run" / "boots",
                           {.boot_id = id.value_or("unknown"),
                            .slot = booted.slot,
                            .reason = booted.reason,
                            .failure = "show the persistent files: " + shown.error().text()});
    if (!noted) fmt::print(stderr, "{}\n", noted.error().text());
    if (options.restart_on_trial && booted.reason == BootReason::trial) {
        fmt::print(stderr, "{}\nThe trial has failed: the machine restarts.\n",
                   shown.error().text());
        TRY(cutover::restart_kernel());
    }
    return shown;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        CLI::App app{"Shows the persistent files of the running base over its root, at early boot.",
                     "cutover-persist"};
        Options options;
        app.add_option("--device", options.device, "The agent's folder, on the data partition")
            ->required();
        app.add_option("--root", options.root, "Where the base is mounted, in an initramfs");
        app.add_option("--command-line", options.command_line, "The kernel's, for tests");
        app.add_flag("--restart-on-trial", options.restart_on_trial,
                     "Restart the machine when that fails and the base is on trial");
        CLI11_PARSE(app, argc, argv);
        const auto done = run(options);
        if (done) return EXIT_SUCCESS;
        fmt::print(stderr, "error[{}]: {}\n", done.error().id, done.error().text());
    } catch (const std::exception& problem) {  // CLI11 and fmt throw; nothing of ours does
        std::fputs(problem.what(), stderr);
    }
    return EXIT_FAILURE;
}
