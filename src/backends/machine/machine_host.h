#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/manifest.h"
#include "platform/host.h"

namespace cutover {

// Another id after every boot: the kernel's.
Result<std::string> kernel_boot_id(
    const std::filesystem::path& file = "/proc/sys/kernel/random/boot_id");

// The last way to restart, which asks nobody: all that is written goes to the disks first.
Result<> restart_kernel();

// The machine that the agent runs on.
class MachineHost final : public Host {
public:
    struct Options {
        std::vector<std::string> hardware;
        std::string architecture;  // empty: this machine's
        std::string boot_id;
        std::vector<std::string> boot_failures;
        std::filesystem::path root = "/";
        std::filesystem::path data;
        std::filesystem::path persist;
        // Ways to restart the machine, tried in order until one succeeds.
        std::vector<std::function<Result<>()>> reboot;
    };
    explicit MachineHost(Options options);

    std::vector<std::string> hardware() const override { return options_.hardware; }
    // No bus is asked: what this machine is does not change while it runs.
    Result<std::vector<std::string>> present() const override { return options_.hardware; }
    std::string architecture() const override { return options_.architecture; }
    std::string boot_id() const override { return options_.boot_id; }
    std::vector<std::string> boot_failures() const override { return options_.boot_failures; }
    Result<> reboot() override;
    Result<std::string> probe(const HealthSpec& check, std::stop_token stop) override;
    std::filesystem::path root() const override { return options_.root; }
    std::filesystem::path data() const override { return options_.data; }
    std::map<std::string, std::string> environment() const override;

private:
    Options options_;
};

}  // namespace cutover
