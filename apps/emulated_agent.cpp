#include "emulated_agent.h"

#include <cerrno>
#include <expected>
#include <filesystem>
#include <string>
#include <unistd.h>

#include "agent/agent.h"
#include "agent_life.h"
#include "base/error.h"
#include "base/log.h"
#include "model/slot.h"
#include "platform/boot_control.h"
#include "platform/emulated/emulated_device.h"

namespace cutover {
namespace {

// One life of the device: power on, boot, run the agent and its doors. Everything is off again on
// return.
Result<Agent::End> run_once(const std::filesystem::path& folder, Log& log) {
    EndSignals signals;
    const auto device = TRY(EmulatedDevice::open(folder, log), "open device {}", folder.string());
    const auto report = TRY(device->power_on(), "power on {}", folder.string());
    log.info("booted", {{"slot", std::string(to_string(report.booted))},
                        {"reason", std::string(to_string(report.reason))},
                        {"detail", report.detail}});
    return run_agent({.folder = folder,
                      .config = device->config(),
                      .boot = device->boot(),
                      .slots = device->slots(),
                      .layers = device->layers(),
                      .services = device->services(),
                      .host = device->host(),
                      .log = log},
                     signals, [](Agent& agent) { return agent.wait(); });
}

}  // namespace

Result<> run_emulated_device(const std::filesystem::path& folder, Log& log, char** argv) {
    const auto end = TRY(run_once(folder, log));
    if (end == Agent::End::stopped) return {};
    log.info("restarting the device");
    ::execv("/proc/self/exe", argv);  // the next boot, from the boot loader on
    return std::unexpected(errno_error(errno, "start the agent anew"));
}

}  // namespace cutover
