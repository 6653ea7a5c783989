#include "agent_life.h"

#include <chrono>
#include <csignal>
#include <ctime>
#include <memory>
#include <stop_token>
#include <sys/types.h>
#include <thread>
#include <utility>

#include "access/access.h"
#include "agent/agent.h"
#include "base/clock.h"
#include "base/error.h"
#include "crypto/trust_store.h"
#include "device_configuration.h"
#include "doors/native/native_door.h"
#include "engine/observer.h"
#include "engine/ports.h"
#include "engine/verified_packages.h"
#include "event_delivery.h"
#include "memory_keeper.h"
#include "metrics_endpoint.h"
#include "model/security_config.h"
#include "operation_news.h"
#include "outer_doors.h"
#include "platform/device_folder.h"
#include "platform/startup_config_file.h"
#include "store/store.h"

namespace cutover {
namespace {

// Where other users have roles they must reach the socket; what they may is asked at each call.
mode_t socket_mode(const SecurityConfig& security) { return security.local.empty() ? 0600 : 0666; }

}  // namespace

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
    const MemoryKeeper memory;
    auto store = TRY(Store::open(parts.folder / "device.db"));
    SystemClock clock;
    auto trust = TrustStore::load(parts.folder / config.anchors);
    // What is installed runs on: a device that trusts nobody only takes nothing new.
    if (!trust) parts.log.error("no package is trusted", {{"error", trust.error().text()}});
    VerifiedPackages packages(std::move(trust), clock,
                              {.expired = config.expired,
                               .stall_timeout = config.transfer_timeout,
                               .known_hosts = parts.folder / "known_hosts"});
    StartupConfigFile startup_config(parts.host.data() / "startup-config");
    const auto configuration =
        TRY(open_configuration(parts.folder, parts.host.data(), clock, parts.log));
    const auto deliverer = start_delivery(parts.folder, config, store, clock, parts.log);
    const auto figures = start_figures(parts.folder, config, parts.log);
    const auto ports = [&](Observer& observer) {
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
                     .configuration = configuration.carried.get(),
                     .folder = parts.folder};
    };
    const auto known = TRY(store.events(1));  // the agent may be quick
    const auto agent = TRY(Agent::start(ports, {.uuid = TRY(device_uuid(parts.folder)),
                                                .startup_config = &startup_config,
                                                .configuration = configuration.asked.get(),
                                                .delivery = delivery_of(config, deliverer.get())}));
    const auto access = TRY(Access::open(parts.folder, config.security, parts.log));
    const auto outer_doors = TRY(OuterDoors::open(*agent, *access, parts));
    const auto metrics = TRY(MetricsEndpoint::open(*agent, parts, deliverer.get()));
    const OperationNews news(*agent, parts.log, known.empty() ? 0 : known.back().sequence);
    // The last one: who is answered here finds the others open.
    const auto door = TRY(NativeDoor::start(*agent, {.socket = parts.folder / config.native_socket,
                                                     .mode = socket_mode(config.security),
                                                     .access = access.get()}));
    signals.stop_on_signal(*agent);
    parts.log.info("the agent is up", {{"device", config.name}});
    auto end = attend(*agent);
    signals.forget_agent();
    agent->stop();  // what doors still wait for
    return end;
}

}  // namespace cutover
