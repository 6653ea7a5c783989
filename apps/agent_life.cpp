#include "agent_life.h"

#include <chrono>
#include <csignal>
#include <ctime>
#include <stop_token>
#include <thread>
#include <utility>

#include "agent/agent.h"
#include "base/clock.h"
#include "base/error.h"
#include "crypto/trust_store.h"
#include "doors/native/native_door.h"
#include "engine/observer.h"
#include "engine/ports.h"
#include "engine/verified_packages.h"
#include "store/store.h"

namespace cutover {

EndSignals::EndSignals() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGTERM);
    sigaddset(&signals_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);  // a client that went away is an error of write(2)
}

void EndSignals::stop_on_signal(Agent& agent) {
    thread_ = std::jthread([this, &agent](const std::stop_token& stop) {
        while (!stop.stop_requested() && !told_) {
            told_ = wait_for(std::chrono::milliseconds(100));
            if (told_) agent.stop();
        }
    });
}

void EndSignals::forget_agent() { thread_ = {}; }

bool EndSignals::wait_for(std::chrono::milliseconds patience) const {
    if (told_) return true;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(patience);
    const timespec time{.tv_sec = seconds.count(),
                        .tv_nsec = std::chrono::nanoseconds(patience - seconds).count()};
    return sigtimedwait(&signals_, nullptr, &time) > 0;
}

Result<Agent::End> run_agent(const AgentParts& parts, EndSignals& signals, const Attend& attend) {
    const auto& config = parts.config;
    auto store = TRY(Store::open(parts.folder / "device.db"));
    SystemClock clock;
    auto trust = TrustStore::load(parts.folder / config.anchors);
    // What is installed runs on: a device that trusts nobody only takes nothing new.
    if (!trust) parts.log.error("no package is trusted", {{"error", trust.error().text()}});
    VerifiedPackages packages(
        std::move(trust), clock,
        {.expired = config.expired, .stall_timeout = config.transfer_timeout});
    const auto agent = TRY(Agent::start([&](Observer& observer) {
        return Ports{.store = store,
                     .boot = parts.boot,
                     .slots = parts.slots,
                     .layers = parts.layers,
                     .services = parts.services,
                     .host = parts.host,
                     .packages = packages,
                     .clock = clock,
                     .log = parts.log,
                     .observer = observer,
                     .config = config,
                     .folder = parts.folder};
    }));
    const auto door =
        TRY(NativeDoor::start(*agent, {.socket = parts.folder / config.native_socket}));
    signals.stop_on_signal(*agent);
    parts.log.info("the agent is up", {{"device", config.name}});
    auto end = attend(*agent);
    signals.forget_agent();
    return end;
}

}  // namespace cutover
