#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "model/backup_config.h"
#include "model/manifest.h"
#include "model/security_config.h"

namespace cutover {

// What to do with a certificate that has expired: `signed_while_valid` accepts it when the package
// was signed inside its validity; `refuse` does not.
enum class ExpiredPolicy : std::uint8_t { signed_while_valid, refuse };

// How base and packages on top become one view: as files, or mounted. `automatic` is `tree` for a
// base that is a tree, and `overlay` for an image.
enum class LayersBackend : std::uint8_t { automatic, tree, overlay, none };

enum class EventEncoding : std::uint8_t { protobuf, json };

// [events.kafka]: where events are delivered to, besides being kept on the device.
struct KafkaConfig {
    std::vector<std::string> brokers;  // "host:port"
    std::string topic = "dm.events";
    std::string metrics_topic = "dm.metrics";  // of figures; empty: none are sent
    EventEncoding encoding = EventEncoding::protobuf;
    std::int64_t max_waiting = 10'000;  // events; more, and the oldest progress goes
    std::chrono::milliseconds progress_interval{std::chrono::seconds(5)};
    std::chrono::milliseconds alarm_after{std::chrono::minutes(5)};  // without an acknowledgement
    std::string secrets;  // a file of librdkafka's settings that nobody else may read
    // [events.kafka.librdkafka]: settings under that library's names.
    std::vector<std::pair<std::string, std::string>> settings;
    bool operator==(const KafkaConfig&) const = default;
};

// [doors.dmi]
struct DmiDoorConfig {
    std::string listen;      // "127.0.0.1:50052", "unix:dmi.sock"; empty: there is no such door
    bool plaintext = false;  // whoever reaches an address that is not this machine's own may come
    bool reflection = true;  // tells clients what can be called
    int max_connections = 64;
    bool operator==(const DmiDoorConfig&) const = default;
};

// [doors.gnoi]
struct GnoiDoorConfig {
    std::string listen;      // as of [doors.dmi]
    bool reflection = true;  // tells clients what can be called
    int max_connections = 64;
    std::string files;  // the folder that is / to clients of gnoi.file; empty: they see none
    bool operator==(const GnoiDoorConfig&) const = default;
};

// [metrics]
struct MetricsConfig {
    std::string listen;     // "127.0.0.1:9464", "[::1]:9464"; empty: nobody can ask
    bool anywhere = false;  // also at addresses that other machines reach
    bool operator==(const MetricsConfig&) const = default;
};

// Whether lines go to the journal with their fields: where standard error is the journal's, never,
// or always.
enum class JournalUse : std::uint8_t { automatic, never, always };

// [log]
struct LogConfig {
    JournalUse journal = JournalUse::automatic;  // "auto", "off", or the path of its socket
    std::string journal_socket = "/run/systemd/journal/socket";
    bool operator==(const LogConfig&) const = default;
};

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

    std::string slots_backend = "emulated";  // [slots] backend; "tree": versioned folders
    // Of slots that are partitions:
    std::string slot_a;                  // [slots] a: a path, best below /dev/disk/by-partuuid
    std::string slot_b;                  // [slots] b
    std::string persist = "../persist";  // [slots] persist: a folder on the data partition
    LayersBackend layers_backend = LayersBackend::automatic;  // [layers] backend
    // Of real devices: [layers] folders of the system in which packages on top may bring files.
    std::vector<std::string> layers_folders{"usr", "opt"};

    std::string services_backend = "emulated";  // [services] backend
    // Of systemd: units that may fail without making the device unhealthy.
    std::vector<std::string> tolerated_units;  // [services] tolerate
    // Of emulated ones, [services] start-timeout: at least so long a service may take to be ready,
    // whatever its package says.
    std::chrono::milliseconds start_timeout{0};

    std::string watchdog_device;  // [watchdog] device; empty: none is fed
    std::chrono::milliseconds watchdog_timeout{std::chrono::seconds(60)};

    std::string stage_scripts = "stages";  // [stages] a folder with one folder a stage
    std::vector<std::string> ini_files;
    std::vector<std::string> evidence_files;                  // kept before and after, compared
    std::vector<std::vector<std::string>> evidence_commands;  // likewise their output

    std::optional<KafkaConfig> kafka;  // [events.kafka]; without it events stay on the device

    std::string native_socket = "cutover.sock";  // [doors.native]
    DmiDoorConfig dmi;
    GnoiDoorConfig gnoi;
    SecurityConfig security;  // [security]
    MetricsConfig metrics;
    LogConfig log;
    BackupConfig backup;
    bool operator==(const DeviceConfig&) const = default;
};

// An unknown key is an error that suggests the nearest known one.
Result<DeviceConfig> parse_device_config(std::string_view toml);

}  // namespace cutover
