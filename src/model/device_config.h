#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/manifest.h"

namespace cutover {

// What to do with a certificate that has expired: `signed_while_valid` accepts it when the package
// was signed inside its validity; `refuse` does not.
enum class ExpiredPolicy : std::uint8_t { signed_while_valid, refuse };

// How base and packages on top become one view: as files, or mounted. `automatic` is `tree` for a
// base that is a tree, and `overlay` for an image.
enum class LayersBackend : std::uint8_t { automatic, tree, overlay };

// device.toml. Every key has a default that makes an emulated device work. Paths are relative to
// the device's folder unless they are absolute.
struct DeviceConfig {
    std::string name = "device";                       // [device]
    std::vector<std::string> hardware = {"emulated"};  // the first is its own id
    std::string serial;
    std::string architecture;  // empty: this machine's

    std::string anchors = "trust";  // [trust] a folder of CA certificates and revocation lists
    ExpiredPolicy expired = ExpiredPolicy::signed_while_valid;

    bool require_preview = false;          // [policy]
    std::vector<std::string> unforceable;  // checks that --force may not skip
    std::uint32_t keep_generations = 10;   // how many records are kept, bootable or not
    std::chrono::milliseconds operation_timeout{std::chrono::hours(2)};
    std::chrono::milliseconds script_timeout{std::chrono::minutes(5)};
    std::chrono::milliseconds transfer_timeout{std::chrono::seconds(30)};  // without a byte

    int trial_boots = 2;  // [trial] boots that may die before the agent is up
    std::chrono::milliseconds trial_deadline{std::chrono::minutes(5)};  // for all checks to pass
    std::chrono::milliseconds settle{0};  // after the checks have passed, they must pass again

    std::vector<HealthSpec> health;  // [[health]] the device's own, besides the packages'

    std::string boot_backend = "emulated";  // [boot] backend
    // Of grub and uboot, [boot] device: where the boot record is, best below /dev/disk/by-partuuid.
    std::string boot_device;
    // Of uboot, in bytes: [boot] offset and redundant-offset of the copies, and the size of one.
    std::uint64_t boot_offset = 0;
    std::uint64_t boot_redundant_offset = 4096;
    std::uint32_t boot_size = 4096;
    // Of systemd-boot:
    std::string boot_esp;        // [boot] esp: where the EFI system partition is mounted
    std::string boot_root_a;     // [boot] root-a: root= of slot A, "PARTUUID=..."
    std::string boot_root_b;     // [boot] root-b
    std::string boot_arguments;  // [boot] arguments: for the kernel of either slot

    std::string slots_backend = "emulated";  // [slots] backend
    // Of slots that are partitions:
    std::string slot_a;                  // [slots] a: a path, best below /dev/disk/by-partuuid
    std::string slot_b;                  // [slots] b
    std::string persist = "../persist";  // [slots] persist: a folder on the data partition
    LayersBackend layers_backend = LayersBackend::automatic;  // [layers] backend

    std::string services_backend = "emulated";  // [services] backend
    // Of systemd: units that may fail without making the device unhealthy.
    std::vector<std::string> tolerated_units;  // [services] tolerate

    std::string watchdog_device;  // [watchdog] device; empty: none is fed
    std::chrono::milliseconds watchdog_timeout{std::chrono::seconds(60)};

    std::string stage_scripts = "stages";  // [stages] a folder with one folder a stage
    std::vector<std::string> ini_files;
    std::vector<std::string> evidence_files;                  // kept before and after, compared
    std::vector<std::vector<std::string>> evidence_commands;  // likewise their output

    std::string native_socket = "cutover.sock";  // [doors.native]
    bool operator==(const DeviceConfig&) const = default;
};

// An unknown key is an error that suggests the nearest known one.
Result<DeviceConfig> parse_device_config(std::string_view toml);

}  // namespace cutover
