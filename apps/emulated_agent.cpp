#include "emulated_agent.h"

#include <csignal>
#include <ctime>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "agent/agent.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "crypto/trust_store.h"
#include "doors/native/native_door.h"
#include "engine/observer.h"
#include "engine/ports.h"
#include "engine/verified_packages.h"
#include "model/slot.h"
#include "platform/boot_control.h"
#include "platform/emulated/emulated_device.h"
#include "store/store.h"

namespace cutover {
namespace {

// Ends the agent when the process is told to end. The signals are blocked in every thread, so that
// this one gets them. Threads made later inherit the mask: construct it first.
class EndSignals {
public:
    EndSignals() {
        sigemptyset(&signals_);
        sigaddset(&signals_, SIGTERM);
        sigaddset(&signals_, SIGINT);
        pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
        std::signal(SIGPIPE, SIG_IGN);  // a client that went away is an error of write(2)
    }

    void stop_on_signal(Agent& agent) {
        thread_ = std::jthread([this, &agent](const std::stop_token& stop) {
            const timespec poll{.tv_sec = 0, .tv_nsec = 100'000'000};
            while (!stop.stop_requested())
                if (sigtimedwait(&signals_, nullptr, &poll) > 0) agent.stop();
        });
    }

private:
    sigset_t signals_{};
    std::jthread thread_;
};

}  // namespace

Result<Agent::End> run_emulated_device(const std::filesystem::path& folder, Log& log) {
    EndSignals signals;
    const auto device = TRY(EmulatedDevice::open(folder, log), "open device {}", folder.string());
    const auto& config = device->config();
    const auto report = TRY(device->power_on(), "power on {}", folder.string());
    log.info("booted", {{"slot", std::string(to_string(report.booted))},
                        {"reason", std::string(to_string(report.reason))},
                        {"detail", report.detail}});

    auto store = TRY(Store::open(folder / "device.db"));
    SystemClock clock;
    auto trust = TrustStore::load(folder / config.anchors);
    // What is installed runs on: a device that trusts nobody only takes nothing new.
    if (!trust) log.error("no package is trusted", {{"error", trust.error().text()}});
    VerifiedPackages packages(
        std::move(trust), clock,
        {.expired = config.expired, .stall_timeout = config.transfer_timeout});
    const auto agent = TRY(Agent::start([&](Observer& observer) {
        return Ports{.store = store,
                     .boot = device->boot(),
                     .slots = device->slots(),
                     .services = device->services(),
                     .host = device->host(),
                     .packages = packages,
                     .clock = clock,
                     .log = log,
                     .observer = observer,
                     .config = config,
                     .folder = folder};
    }));
    const auto door = TRY(NativeDoor::start(*agent, {.socket = folder / config.native_socket}));
    signals.stop_on_signal(*agent);
    log.info("the agent is up", {{"device", config.name}});
    return agent->wait();
}

}  // namespace cutover
