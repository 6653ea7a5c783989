#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/unique_fd.h"
#include "model/device_config.h"
#include "model/manifest.h"
#include "model/slot.h"
#include "platform/boot_control.h"
#include "platform/device_folder.h"
#include "platform/emulated/boot_log.h"
#include "platform/emulated/emulated_boot.h"
#include "platform/emulated/emulated_slots.h"
#include "platform/emulated/supervisor.h"
#include "platform/host.h"
#include "platform/layers.h"
#include "platform/services.h"
#include "platform/slot_store.h"

namespace cutover {

class EmulatedHost;
class EmulatedLayers;
class EmulatedServices;
class ImageMount;

// A device in a folder:
//
//     device.toml  trust/  stages/   what a person sets
//     boot/                          EmulatedBoot
//     slots/ persist/                EmulatedSlots; with [slots] backend = "tree" also
//     releases/ current              ReleaseFolders
//     layers/ views/ persist/packages/ run/current run/root/     EmulatedLayers
//     data/                          shared by both slots, never touched
//     log/                           output of the services
//     run/                           of this life of the device: sockets, mounts, last-boot.json
//     lock                           held by the one agent
class EmulatedDevice {
public:
    struct CreateOptions {
        std::string name = "device";
        std::vector<std::filesystem::path> anchors;  // CA certificates, copied into trust/
        SlotFolders slots = SlotFolders::lettered;
    };
    // An empty device in a folder that is new or empty: no slot holds anything yet, and A is
    // committed. When this fails half way, what it made is removed.
    static Result<> create(const std::filesystem::path& folder, const CreateOptions& options);

    struct Options {
        SupervisorOptions services;
        std::function<void()> on_reboot;  // called, from any thread, when a reboot is asked for
    };
    // Reads device.toml and takes the lock (device.in_use names the other agent). Until power_on()
    // nothing runs and both slots can be written: that is how a new device gets its base.
    static Result<std::unique_ptr<EmulatedDevice>> open(const std::filesystem::path& folder,
                                                        Log& log, Options options);
    static Result<std::unique_ptr<EmulatedDevice>> open(const std::filesystem::path& folder,
                                                        Log& log);
    ~EmulatedDevice();  // power_off()
    EmulatedDevice(const EmulatedDevice&) = delete;
    EmulatedDevice& operator=(const EmulatedDevice&) = delete;

    // The boot loader, the kernel and init: ends what an earlier life left behind, chooses a slot,
    // counts a trial's boot before it is made, starts the services, and falls back by itself.
    // What lies on the base is chosen in the same way: a trial stack is counted before it is shown;
    // when it does not come up, the committed stack of the same slot is shown instead, and the base
    // alone when that cannot be.
    // It always ends with something running, if only the agent (BootReason::rescue); an error is
    // one of the device's folder itself. Once per object. Call it before other threads are started:
    // a mounted image is visible to this thread and those made later.
    Result<BootReport> power_on(const std::stop_token& stop = {});
    // The boots that failed up to now, with their reasons; see BootReport.
    const std::vector<BootFailure>& boot_failures() const { return report_.failures; }
    const BootReport& boot_report() const { return report_; }

    // Ends the services and unmounts. Repeatable; what power_on() did is then undone.
    void power_off();

    bool reboot_requested() const;

    const DeviceConfig& config() const { return config_; }
    const std::filesystem::path& folder() const { return folder_; }
    BootControl& boot() { return boot_; }
    SlotStore& slots() { return slots_; }
    LayerStore& layers();
    Services& services();
    Host& host();

private:
    EmulatedDevice(DeviceFolder folder, Log& log, Options options);
    Result<BootRecord> first_record();
    std::vector<BootFailure> earlier_failures(const BootRecord& record) const;
    Result<> choose(const BootRecord& record, bool record_lost);
    Result<> try_slot(Slot slot, const std::stop_token& stop);
    Result<> start_stack(Slot slot, const Manifest& base, const std::stop_token& stop);
    Result<bool> try_layers(Slot slot, const Manifest& base, const LayerStack& trial,
                            const std::stop_token& stop);
    Result<> start_services(Slot slot, const Manifest& base, const LayerStack& stack,
                            const std::stop_token& stop);
    std::vector<std::string> present_hardware() const;
    void note_earlier_layers_failures(Slot slot, const LayerStartup& record);
    void note_layers_failure(Slot slot, const std::string& why);
    void add_detail(const std::string& text);
    void end_services();
    Result<std::filesystem::path> open_content(Slot slot, const Manifest& manifest);
    Result<> prepare_image_persistence(Slot slot, const Manifest& manifest);
    void shut_down();
    void enter_rescue();
    void note_report();
    std::filesystem::path report_file() const { return folder_ / "run" / "last-boot.json"; }

    std::filesystem::path folder_;
    DeviceConfig config_;
    UniqueFd lock_;
    Log& log_;
    EmulatedBoot boot_;
    EmulatedSlots slots_;
    std::unique_ptr<ImageMount> mount_;
    std::unique_ptr<EmulatedLayers> layers_;  // its views lie on the mount
    std::unique_ptr<EmulatedServices> services_;
    std::unique_ptr<EmulatedHost> host_;
    BootReport report_;
    std::optional<BootReport> last_report_;  // of the boot before
    bool powered_ = false;
};

}  // namespace cutover
