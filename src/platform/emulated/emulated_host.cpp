#include "platform/emulated/emulated_host.h"

#include <cstddef>
#include <expected>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <sstream>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "base/files.h"
#include "model/device_config.h"
#include "model/manifest.h"
#include "model/slot.h"
#include "platform/architecture.h"
#include "platform/boot_control.h"
#include "platform/emulated/boot_log.h"
#include "platform/emulated/stray_processes.h"
#include "platform/host.h"
#include "platform/probe.h"

namespace cutover {
namespace {

constexpr std::size_t kMaxPresentFile = std::size_t{64} * 1024;

}  // namespace

EmulatedHost::EmulatedHost(std::filesystem::path device, const DeviceConfig& config,
                           std::function<void()> on_reboot)
    : device_(std::move(device)),
      hardware_(config.hardware),
      architecture_(config.architecture.empty() ? this_architecture() : config.architecture),
      on_reboot_(std::move(on_reboot)) {}

std::vector<std::string> EmulatedHost::hardware() const { return hardware_; }

Result<std::vector<std::string>> EmulatedHost::present() const {
    const auto text = read_file(device_ / "hardware", kMaxPresentFile);
    if (!text && text.error().kind == Errc::not_found) return std::vector<std::string>();
    if (!text) return std::unexpected(text.error());
    std::vector<std::string> ids;
    std::istringstream lines(*text);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line.substr(0, line.find('#')));
        std::string id;
        if (!(words >> id)) continue;
        if (ids.size() == kMaxPresentHardware)
            return fail(Errc::invalid, "{} names more than {} hardware ids",
                        (device_ / "hardware").string(), kMaxPresentHardware);
        ids.push_back(std::move(id));
    }
    return ids;
}

std::string EmulatedHost::architecture() const { return architecture_; }

std::string EmulatedHost::boot_id() const {
    const std::scoped_lock lock(mutex_);
    return report_.boot_id;
}

std::vector<std::string> EmulatedHost::boot_failures() const {
    const std::scoped_lock lock(mutex_);
    std::vector<std::string> result;
    result.reserve(report_.failures.size());
    for (const auto& failure : report_.failures)
        result.push_back(fmt::format("slot {} ({} boot): {}", to_string(failure.slot),
                                     to_string(failure.reason), failure.text));
    return result;
}

Result<> EmulatedHost::reboot() {
    reboot_requested_ = true;
    if (on_reboot_) on_reboot_();
    return {};
}

Result<std::string> EmulatedHost::probe(const HealthSpec& check, std::stop_token stop) {
    ProbePlace place;
    {
        const std::scoped_lock lock(mutex_);
        place = {.root = root(), .environment = place_variables()};
    }
    return run_probe(check, place, std::move(stop));
}

std::filesystem::path EmulatedHost::root() const { return device_ / "run" / "root"; }

std::filesystem::path EmulatedHost::data() const { return device_ / "data"; }

std::map<std::string, std::string> EmulatedHost::environment() const {
    const std::scoped_lock lock(mutex_);
    return place_variables();
}

std::map<std::string, std::string> EmulatedHost::place_variables() const {
    return {{"CUTOVER_ROOT", (device_ / "run" / "current").string()},
            {"CUTOVER_DATA", data().string()},
            {"CUTOVER_PERSIST", persist_.string()},
            {kSupervisedBy, device_.string()}};
}

void EmulatedHost::set_booted(const BootReport& report, std::filesystem::path persist) {
    const std::scoped_lock lock(mutex_);
    report_ = report;
    persist_ = std::move(persist);
}

}  // namespace cutover
