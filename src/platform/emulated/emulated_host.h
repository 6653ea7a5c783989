#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/device_config.h"
#include "model/manifest.h"
#include "platform/emulated/boot_log.h"
#include "platform/host.h"

namespace cutover {

// The machine below an emulated device: this process and its folder.
class EmulatedHost final : public Host {
public:
    EmulatedHost(std::filesystem::path device, const DeviceConfig& config,
                 std::function<void()> on_reboot);

    std::vector<std::string> hardware() const override;
    // The lines of the file `hardware` in the device's folder; "#" begins a comment.
    Result<std::vector<std::string>> present() const override;
    std::string architecture() const override;
    std::string boot_id() const override;
    std::vector<std::string> boot_failures() const override;
    Result<> reboot() override;
    Result<std::string> probe(const HealthSpec& check, std::stop_token stop) override;
    std::filesystem::path root() const override;
    std::filesystem::path data() const override;
    std::map<std::string, std::string> environment() const override;

    // Told by the boot loader.
    void set_booted(const BootReport& report, std::filesystem::path persist);
    bool reboot_requested() const { return reboot_requested_; }

private:
    std::map<std::string, std::string> place_variables() const;  // with mutex_ held

    std::filesystem::path device_;
    std::vector<std::string> hardware_;
    std::string architecture_;
    std::function<void()> on_reboot_;
    std::atomic<bool> reboot_requested_ = false;
    mutable std::mutex mutex_;  // guards what follows
    BootReport report_;
    std::filesystem::path persist_;
};

}  // namespace cutover
