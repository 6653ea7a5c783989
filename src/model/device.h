#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/byte_pipe.h"
#include "base/clock.h"
#include "base/error.h"
#include "model/event.h"
#include "model/generation.h"
#include "model/operation.h"

namespace cutover {

class Backups;
class Configuration;

struct HealthStatus {
    std::string name;
    std::string from;  // "package nos 1.1.0", "device.toml", "agent"
    bool healthy = false;
    std::string detail;  // what was asked and answered
    WallTime checked{};
    bool operator==(const HealthStatus&) const = default;
};

struct ServiceStatus {
    std::string name;
    std::string state;  // "running", "ended", "failed", "starting", "stopped"
    int restarts = 0;
    std::string detail;
    bool operator==(const ServiceStatus&) const = default;
};

// Where a package that is on the device stands.
enum class PackageState : std::uint8_t {
    integrated,  // a part of the running base
    obtained,    // at hand, and does not run
    selected,    // comes with the next reload
    running,     // runs, and boots start it
    active,      // runs until the next boot
    next_boot,   // does not run, and the next boot starts it
    leaving,     // runs, and goes with the next reload
};
std::string_view to_string(PackageState state);
std::optional<PackageState> package_state_from(std::string_view name);

struct PackageStatus {
    PackageRef package;
    PackageState state = PackageState::obtained;
    std::string summary;
    std::vector<std::string> services;  // that it brings or touches: a patch's units
    std::string detail;                 // "replaces the one of nos 1.1.0"
    bool operator==(const PackageStatus&) const = default;
};

// All that can be shown of a device, as of one instant.
struct DeviceState {
    std::string device_name;
    std::string hardware;
    std::string serial;
    std::string uuid;  // its own for ever, over reboots and upgrades
    std::string agent_version;
    Slot active_slot = Slot::a;
    std::string boot_reason;  // "default", "trial 1 of 2", "fallback: trial exhausted"
    Marks marks;
    std::vector<Generation> generations;  // oldest first
    std::vector<SlotStatus> slots;        // A, then B
    std::uint64_t standby_bytes = 0;      // that a new base may have; 0: not known
    std::vector<PackageStatus> packages;  // on top of the running base, a part of it, or at hand
    std::vector<ServiceStatus> services;
    std::vector<HealthStatus> health;  // results of the last round
    std::vector<Alarm> alarms;         // raised and not cleared
    std::optional<Operation> current;  // the operation that holds the lock
    std::uint32_t epoch = 0;
    std::int64_t last_event = 0;
    bool operator==(const DeviceState&) const = default;
};

// The configuration that the device's operating system starts with.
struct StartupConfigStatus {
    std::string source;   // where it came from, without credentials; empty: from the factory
    std::string version;  // "sha256:2f0a8d31b1c4"
    WallTime stored{};
    bool operator==(const StartupConfigStatus&) const = default;
};

using UploadProgress = std::function<void(std::uint64_t sent, std::uint64_t total)>;

using FeedItem = std::variant<Event, Progress>;

struct FollowRequest {
    std::int64_t after_sequence = 0;  // kept events after this one come first
    OperationId operation = 0;        // only this one's; 0: all
    bool progress = true;
};

enum class LogSource : std::uint8_t { agent, operation, status_file, alarm_history };

struct LogRequest {
    LogSource source = LogSource::agent;
    OperationId operation = 0;  // of LogSource::operation
    int max_lines = 200;        // the last ones
};

// What can be asked of a device. The agent is one; so is a client at a distance, and a simulator.
// Safe to call from several threads. No call waits for an operation.
class Device {
public:
    virtual ~Device() = default;

    virtual Result<DeviceState> state() = 0;

    // Plans and checks; changes nothing (but remembers a successful preview's hash).
    virtual Result<Preview> preview(const Request& request) = 0;

    // Starts an operation that then lives in the device, not in the caller; `conflict` when another
    // one is at work. Its checks are made inside it: one that says no ends it as `refused`. While
    // an operation awaits its commit, a request of kind commit or rollback is an answer to that
    // one, and returns its id.
    virtual Result<OperationId> start(const Request& request) = 0;

    // Undoes the operation at work; refused after its commit point. Returns when the wish is noted.
    virtual Result<> cancel(OperationId operation) = 0;

    virtual Result<Operation> operation(OperationId operation) = 0;
    virtual Result<std::vector<Operation>> operations(int max_count) = 0;  // newest first

    // Feeds `sink` until it returns false, `stop` is requested, or the device goes away
    // (`unavailable`).
    virtual Result<> follow(const FollowRequest& request,
                            const std::function<bool(const FeedItem&)>& sink,
                            std::stop_token stop) = 0;

    virtual Result<std::vector<std::string>> log(const LogRequest& request) = 0;

    // What not every device has. A start with a package that comes as a stream, the request's only
    // source: the operation takes it as it needs it, and closes the pipe when it is over. An update
    // returns when the configuration is stored, or was not; an upload, to a URL that names the file
    // to be, when all is sent.
    virtual Result<OperationId> start_streamed(const Request& request,
                                               std::shared_ptr<BytePipe> package);
    virtual Result<StartupConfigStatus> startup_config();
    virtual Result<> update_startup_config(const std::string& url);
    virtual Result<> upload_debug_info(const std::string& url, const UploadProgress& progress,
                                       std::stop_token stop);

    // Null where configuration is none of YANG modules'. Lives as long as the device.
    virtual Configuration* configuration() { return nullptr; }
    // Null where none are kept. Lives as long as the device.
    virtual Backups* backups() { return nullptr; }
};

}  // namespace cutover
