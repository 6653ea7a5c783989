#include "real_agent.h"

#include <chrono>
#include <string>

#include "agent/agent.h"
#include "agent_life.h"
#include "backends.h"
#include "base/error.h"
#include "base/log.h"
#include "model/slot.h"
#include "platform/boot_control.h"
#include "platform/device_folder.h"

namespace cutover {

Result<> run_real_device(const DeviceFolder& folder, Log& log) {
    EndSignals signals;
    const auto backends = TRY(Backends::open(folder, log), "open device {}", folder.path.string());
    log.info("booted", {{"slot", std::string(to_string(backends.booted.slot))},
                        {"reason", std::string(to_string(backends.booted.reason))},
                        {"boot", backends.boot_id}});
    const auto end = TRY(run_agent({.folder = folder.path,
                                    .config = folder.config,
                                    .boot = *backends.boot,
                                    .slots = *backends.slots,
                                    .services = *backends.services,
                                    .host = *backends.host,
                                    .log = log},
                                   signals, [](Agent& agent) { return agent.wait(); }));
    if (end == Agent::End::reboot) log.info("the machine restarts");
    return {};
}

}  // namespace cutover
