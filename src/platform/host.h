#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/manifest.h"

namespace cutover {

inline constexpr std::size_t kMaxPresentHardware = 256;  // ids

// The machine below: what it is, restarting it, and asking whether it is well.
class Host {
public:
    virtual ~Host() = default;

    virtual std::vector<std::string> hardware() const = 0;  // hardware ids; the first is its own
    // Ids of the hardware that is there now besides: cards come and go. Asked every few seconds.
    virtual Result<std::vector<std::string>> present() const = 0;
    virtual std::string architecture() const = 0;  // as Debian names it: amd64, arm64

    // Another one after every boot, the same until then: tells a reboot from a restart of the
    // agent.
    virtual std::string boot_id() const = 0;

    // Why the boots since the last good one failed, oldest first; empty when none did.
    virtual std::vector<std::string> boot_failures() const = 0;

    // Asks for a restart of the device. Returns at once; the agent then ends, and what runs after
    // it is a boot. Repeatable.
    virtual Result<> reboot() = 0;

    // Runs one check once, in the running base: what was asked and answered, or why it is not
    // healthy (health.failed, or `timeout`).
    virtual Result<std::string> probe(const HealthSpec& check, std::stop_token stop) = 0;

    // The root of the operating system that services of a device on a host run on.
    virtual std::filesystem::path system() const { return "/"; }

    virtual std::filesystem::path root() const = 0;  // where the running base's files are
    virtual std::filesystem::path data() const = 0;  // persistent data, the same for both slots

    // What every script of a stage is given besides the engine's own variables: where things are,
    // and what marks the process as one of this device's.
    virtual std::map<std::string, std::string> environment() const = 0;
};

// All hardware ids that are there now, the device's own first, each once.
Result<std::vector<std::string>> hardware_present(const Host& host);

}  // namespace cutover
