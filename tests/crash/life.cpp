#include "life.h"

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <optional>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/log.h"
#include "config/config_store.h"
#include "crypto/trust_store.h"
#include "engine/engine.h"
#include "engine/observer.h"
#include "engine/ports.h"
#include "engine/verified_packages.h"
#include "ingredients.h"
#include "model/event.h"
#include "model/operation.h"
#include "platform/emulated/emulated_device.h"
#include "store/store.h"

namespace cutover {
namespace {

constexpr int kIdle = 0;
constexpr int kReboot = 10;
constexpr int kBroken = 11;
constexpr int kMostLives = 10;

struct Nobody final : Observer {
    void on_event(const Event& /*event*/) override {}
    void on_progress(const Progress& /*progress*/) override {}
    void on_change() override {}
};

Result<Engine::Outcome> run_agent(const std::filesystem::path& folder,
                                  const std::optional<Request>& request, const Act& act) {
    const auto log = Log::silent();
    const auto device = TRY(EmulatedDevice::open(folder, *log));
    TRY(device->power_on());
    auto store = TRY(Store::open(folder / "device.db"));
    SystemClock clock;
    VerifiedPackages packages(TRY(TrustStore::load(folder / device->config().anchors)), clock, {});
    const auto configuration = TRY(ConfigStore::open({.database = folder / "device.db",
                                                      .rendered = device->host().data() / kRendered,
                                                      .scripts = folder / "tmp",
                                                      .clock = clock,
                                                      .log = *log}));
    Nobody nobody;
    Engine engine({.store = store,
                   .boot = device->boot(),
                   .slots = device->slots(),
                   .layers = device->layers(),
                   .services = device->services(),
                   .host = device->host(),
                   .packages = packages,
                   .clock = clock,
                   .log = *log,
                   .observer = nobody,
                   .config = device->config(),
                   .configuration = configuration.get(),
                   .folder = folder});
    const auto started = TRY(engine.start());
    if (started == Engine::Outcome::idle && act) TRY(act(*configuration));
    if (started != Engine::Outcome::idle || !request) return started;
    return engine.run(TRY(store.last_operation()) + 1, *request);
}

int in_child(const std::function<int()>& body) {
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
        const int code = body();
        std::fflush(nullptr);
        ::_exit(code);
    }
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) != child) return kBroken;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

LifeEnd live(const std::filesystem::path& device, const std::optional<Request>& request,
             const Fault& fault, const Act& act) {
    const int code = in_child([&] {
        fault_restart(fault.at, fault.trace.empty() ? nullptr : fault.trace.c_str());
        const auto outcome = run_agent(device, request, act);
        if (!outcome) {
            fmt::print(stderr, "  agent: {}\n", outcome.error().text());
            return kBroken;
        }
        return *outcome == Engine::Outcome::reboot ? kReboot : kIdle;
    });
    if (code == kIdle) return LifeEnd::idle;
    if (code == kReboot) return LifeEnd::reboot;
    return code == 128 + SIGKILL ? LifeEnd::killed : LifeEnd::broken;
}

bool recover(const std::filesystem::path& device, const Fault& first) {
    for (int life = 0; life < kMostLives; ++life) {
        const auto end = live(device, std::nullopt, life == 0 ? first : Fault{});
        if (end == LifeEnd::idle) return true;
        if (end == LifeEnd::broken) return false;
    }
    fmt::print(stderr, "  not at rest after {} boots\n", kMostLives);
    return false;
}

bool inspect(const std::filesystem::path& device,
             const std::function<Result<>(EmulatedDevice&, Store&)>& look) {
    return in_child([&] {
               const auto done = [&]() -> Result<> {
                   const auto log = Log::silent();
                   const auto emulated = TRY(EmulatedDevice::open(device, *log));
                   auto store = TRY(Store::open(device / "device.db"));
                   return look(*emulated, store);
               }();
               if (!done) fmt::print(stderr, "  {}\n", done.error().text());
               return done ? kIdle : kBroken;
           }) == kIdle;
}

}  // namespace cutover
