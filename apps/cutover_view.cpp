// The one program that mounts packages over the running base: at early boot, and whenever the
// agent, which may not, asks for it through its folder. It runs for a moment and ends.

#include <CLI/App.hpp>
#include <CLI/CLI.hpp>  // IWYU pragma: keep
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <expected>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "backends/overlay/layers_boot.h"
#include "base/error.h"
#include "base/files.h"
#include "base/process.h"
#include "model/slot.h"
#include "platform/device_folder.h"
#include "platform/kernel_command_line.h"
#include "platform/layer_record.h"
#include "platform/layers.h"
#include "system_layers.h"

namespace {

namespace fs = std::filesystem;
using cutover::LayerStack;
using cutover::Result;
using cutover::SystemLayers;

// There on trial: cutover-trial.timer looks for it.
constexpr auto kTrialMark = "/run/cutover/trial";
constexpr std::chrono::seconds kSystemctlPatience{60};

Result<> systemctl(std::vector<std::string> words) {
    words.insert(words.begin(), "systemctl");
    const auto ran =
        TRY(cutover::run_process({.command = std::move(words), .timeout = kSystemctlPatience}));
    if (ran.exit_code == 0) return {};
    return fail(cutover::Errc::io, "systemctl: {}", ran.output);
}

// Nothing waits for the services: they start when the system has come that far.
Result<> start_services(SystemLayers& layers, const LayerStack& stack) {
    const auto services = TRY(layers.write_units(stack));
    if (stack.empty()) return {};
    TRY(systemctl({"daemon-reload"}));
    if (services.empty()) return {};
    std::vector<std::string> words{"start", "--no-block"};
    for (const auto& service : services) words.push_back(service + ".service");
    return systemctl(std::move(words));
}

Result<> boot(SystemLayers& layers, cutover::Slot slot) {
    cutover::LayerRecord record(layers.record());
    const auto booted = boot_layers(
        record, slot, layers.failures(),
        [&](const LayerStack& stack, bool trial) { return layers.work().show(stack, trial); });
    for (const auto& failure : booted.failures) fmt::print(stderr, "{}\n", failure);
    if (booted.trial) TRY(cutover::write_file_durably(kTrialMark, "", 0644));
    TRY(start_services(layers, booted.shown));
    fmt::print(stderr, "{} packages are shown on the base{}\n", booted.shown.size(),
               booted.trial ? ", on trial" : "");
    if (booted.failures.empty()) return {};
    return fail(cutover::Errc::io, "not all packages are shown");
}

enum class When : std::uint8_t { boot, running, end };

Result<> run(const fs::path& device, When when) {
    const auto booted = TRY(cutover::read_kernel_command_line());
    const auto config = TRY(cutover::read_device_config(device));
    auto layers = TRY(SystemLayers::open(fs::canonical(device), config, booted.slot));
    if (when == When::boot) return boot(layers, booted.slot);
    if (when == When::end) return layers.work().end();
    const auto shown = TRY(layers.work().carry_out());
    if (!shown) return {};
    auto written = layers.write_units(*shown);
    if (!written) return std::unexpected(std::move(written).error());
    return {};
}

}  // namespace

int main(int argc, char** argv) {
    try {
        CLI::App app{"Shows packages over the running base, as the device's folder asks for it.",
                     "cutover-view"};
        std::string device;
        bool at_boot = false;
        app.add_option("--device", device, "The agent's folder, on the data partition")->required();
        bool at_end = false;
        app.add_flag("--boot", at_boot, "Show what this boot begins with, and start its services");
        app.add_flag("--end", at_end, "Take it away, before the machine stops")->excludes("--boot");
        CLI11_PARSE(app, argc, argv);
        const auto done = run(device, at_boot ? When::boot : at_end ? When::end : When::running);
        if (done) return EXIT_SUCCESS;
        fmt::print(stderr, "error[{}]: {}\n", done.error().id, done.error().text());
    } catch (const std::exception& problem) {  // CLI11, fmt and paths throw; nothing of ours does
        std::fputs(problem.what(), stderr);
    }
    return EXIT_FAILURE;
}
