#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/host_needs.h"
#include "model/package_kind.h"
#include "model/version.h"

namespace cutover {

// What a service does when a change concerns it.
enum class OnChange : std::uint8_t { none, reload, restart, restart_with_sockets, hook };
enum class RestartPolicy : std::uint8_t { always, on_failure, never };
// How a service says that it is up: it still runs; it has ended with exit code 0; it has sent
// READY=1 to $NOTIFY_SOCKET (sd_notify(3)).
enum class ReadyWhen : std::uint8_t { running, ended, notified };

struct ServiceSpec {
    std::string name;
    std::vector<std::string> command;  // [0] relative to the package's root, or absolute
    std::map<std::string, std::string> environment;
    std::vector<std::string> listen;  // "tcp:127.0.0.1:8080", "tcp:8080": held by the supervisor
    OnChange on_change = OnChange::restart;
    RestartPolicy restart = RestartPolicy::on_failure;
    ReadyWhen ready = ReadyWhen::running;
    std::chrono::milliseconds start_timeout{std::chrono::seconds(10)};
    std::string reload_signal = "HUP";  // of OnChange::reload: HUP, USR1 or USR2
    // Of OnChange::hook: a program that has the running process take the change, [0] as in
    // `command`. It gets CUTOVER_SERVICE and CUTOVER_SERVICE_PID.
    std::vector<std::string> hook;
    // YANG modules whose data it reads: when that changes, it is told as on_change says.
    std::vector<std::string> config;
    bool operator==(const ServiceSpec&) const = default;
};

// How a service that another package brings takes it when this package comes, changes or goes.
// With OnChange::hook, `hook` also runs after each start of the service (what was loaded into a
// process ends with it), and `unhook` when the package goes.
struct TouchSpec {
    std::string name;  // of the service
    OnChange on_change = OnChange::restart;
    std::vector<std::string> hook;
    std::vector<std::string> unhook;
    bool operator==(const TouchSpec&) const = default;
};

// Exactly one of http, tcp and exec is set.
struct HealthSpec {
    std::string name;
    std::string http;               // URL; 2xx and 3xx are healthy
    std::string tcp;                // "host:port"; a connection is healthy
    std::vector<std::string> exec;  // exit code 0 is healthy; [0] as in ServiceSpec
    std::chrono::milliseconds timeout{std::chrono::seconds(2)};
    std::chrono::milliseconds interval{500};
    int retries = 10;
    bool operator==(const HealthSpec&) const = default;
};

struct Compatibility {
    std::vector<std::string> hardware;      // empty: any
    std::vector<std::string> architecture;  // empty: any
    VersionRange base;                      // of packages on top: versions of bases they run on
    VersionRange from;                      // versions that may be upgraded directly
    bool operator==(const Compatibility&) const = default;
};

struct PayloadSpec {
    PayloadType type = PayloadType::none;
    std::uint64_t content_bytes = 0;    // of the payload, decompressed
    std::uint64_t installed_bytes = 0;  // what it needs on the target file system
    std::uint64_t chunk_count = 0;
    bool operator==(const PayloadSpec&) const = default;
};

// A member of the package file after manifest.json, in file order.
struct MemberSpec {
    std::string name;
    std::uint64_t size_bytes = 0;
    std::string sha256;  // lower-case hexadecimal
    bool operator==(const MemberSpec&) const = default;
};

// A member of a base (an integrated feature) or of an update pack.
struct IncludedPackage {
    PackageKind kind = PackageKind::feature;
    std::string name;
    Version version;
    std::string digest;  // of a pack's member: the SHA-256 of its manifest.json
    bool operator==(const IncludedPackage&) const = default;
};

// Entries of a list in the configuration that are bound to one major version of a package. Its YANG
// module augments them with what only this version knows.
struct InstancesSpec {
    std::string path;      // schema path of the list: "/dev:devices/device"; empty: none
    std::string bound_by;  // the leaf of an entry that names the version: "driver"
    std::string value;     // what it says; empty: "NAME@MAJOR"
    bool operator==(const InstancesSpec&) const = default;
};

struct Manifest {
    int schema_major = 1;
    int schema_minor = 0;
    PackageKind kind = PackageKind::base;
    std::string name;
    Version version;
    std::string summary;
    std::uint32_t epoch = 0;  // security epoch: never installed below the device's
    std::string created;      // ISO 8601, from SOURCE_DATE_EPOCH where that is set
    PayloadSpec payload;
    Compatibility compatible;
    std::map<std::string, VersionRange> needs;  // [requires]; the word is a keyword of C++
    std::map<std::string, VersionRange> conflicts;
    std::map<std::string, Version> provides;
    std::vector<IncludedPackage> includes;
    std::vector<ServiceSpec> services;
    std::vector<TouchSpec> touches;
    std::vector<HealthSpec> health;
    std::vector<std::string> supports;  // of a hardware package: hardware ids that it adds
    std::vector<std::string> replaces;  // of a patch: patches that go when it comes; "*" is all
    std::uint32_t level = 0;            // of a pack: the update level that it brings
    std::vector<std::string> programs;  // that must be on the device
    std::vector<std::string> persist;   // paths kept over base upgrades, relative, no ".."
    std::map<std::string, std::string> hooks;  // stage name -> member name ("hooks/stop.sh")
    std::vector<std::string> config_modules;
    std::string config_migrations;
    bool side_by_side = false;  // another major version may be there at the same time
    InstancesSpec instances;
    HostNeeds host;
    std::vector<MemberSpec> members;
    bool operator==(const Manifest&) const = default;
};

inline constexpr std::size_t kMaxManifestBytes = std::size_t{1024} * 1024;
inline constexpr std::uint64_t kMaxChunkIndexBytes = std::uint64_t{24} * 1024 * 1024;
inline constexpr std::uint64_t kMaxHookBytes = std::uint64_t{1024} * 1024;
inline constexpr std::uint64_t kMaxHooksBytes = std::uint64_t{4} * 1024 * 1024;  // all of them
inline constexpr std::size_t kMaxHooks = 256;

inline constexpr int kSchemaMajor = 1;  // what this version writes
inline constexpr int kSchemaMinor = 0;

// Canonical JSON, the exact bytes that are signed: keys sorted, no white space but a last newline.
std::string to_json(const Manifest& manifest);

// Refuses what to_json() would not have written (an unknown key, another order, a bad name), and a
// major schema above ours. A newer minor schema may add keys: they are kept out of the result.
Result<Manifest> parse_manifest(std::string_view json);

// What a manifest may say, member list included; parse_manifest() has asked this already.
Result<> validate(const Manifest& manifest);

Result<> check_package_name(std::string_view name);
bool is_relative_path(std::string_view path);  // without ".", ".." and control characters
bool is_member_name(std::string_view name);    // fits a tar header, and needs no quoting anywhere

}  // namespace cutover
