#include "engine/health.h"

#include <algorithm>
#include <chrono>
#include <expected>
#include <functional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/counted.h"
#include "base/error.h"
#include "engine/errors.h"
#include "engine/ports.h"
#include "engine/stack.h"
#include "model/device.h"
#include "model/manifest.h"
#include "platform/services.h"

namespace cutover {
namespace {

using std::chrono::milliseconds;

constexpr auto kServicesCheck = "services are up";
constexpr std::chrono::minutes kSlack{1};  // for asking services, and a machine under load
constexpr milliseconds kStartPoll{500};

// All services that should run do; the answer names those that do not.
HealthStatus look_at_services(const Ports& ports) {
    ports.observer.on_alive(kSlack);
    HealthStatus status{
        .name = kServicesCheck, .from = "agent", .healthy = true, .checked = ports.clock.wall()};
    const auto services = ports.services.status();
    for (const auto& service : services) {
        const bool up = service.state == "running" || service.state == "ended";
        if (up) continue;
        status.healthy = false;
        status.detail +=
            fmt::format("{}{} is {}{}{}", status.detail.empty() ? "" : "; ", service.name,
                        service.state, service.detail.empty() ? "" : ": ", service.detail);
    }
    if (status.healthy) status.detail = counted(services.size(), "service");
    return status;
}

HealthStatus ask_once(const Ports& ports, const HealthCheck& check, const std::stop_token& stop) {
    ports.observer.on_alive(check.spec.timeout + check.spec.interval + kSlack);
    const auto answer = ports.host.probe(check.spec, stop);
    return {.name = check.spec.name,
            .from = check.from,
            .healthy = answer.has_value(),
            .detail = answer ? *answer : answer.error().text(),
            .checked = ports.clock.wall()};
}

// The name of the error's subject in one phrase: check "web answers" from package nos 1.2.0.
std::string subject(const HealthStatus& status) {
    return fmt::format("check \"{}\" from {}", status.name, status.from);
}

struct Patience {
    SteadyTime end;
    std::stop_token stop;
};

Result<HealthStatus> ask_until_healthy(const Ports& ports, const HealthSpec& spec,
                                       const std::function<HealthStatus()>& ask,
                                       const Patience& patience) {
    const auto begun = ports.clock.steady();
    HealthStatus status;
    const int attempts = std::max(1, spec.retries);
    for (int attempt = 1; attempt <= attempts; ++attempt) {
        status = ask();
        if (status.healthy) return status;
        if (patience.stop.stop_requested())
            return fail(errors::operation_cancelled, "stopped while {} was asked", subject(status));
        const bool late = ports.clock.steady() + spec.interval > patience.end;
        if (late || attempt == attempts) {
            const auto took =
                std::chrono::duration_cast<milliseconds>(ports.clock.steady() - begun);
            auto error = make_error(errors::trial_check_failed,
                                    fmt::format("{}: {}", subject(status), status.detail));
            error.set_cause(fmt::format("{} of {} tries in {}{}", attempt, attempts,
                                        human_duration(took),
                                        late ? ", then the deadline passed" : ""));
            return std::unexpected(std::move(error));
        }
        if (!ports.clock.sleep(spec.interval, patience.stop))
            return fail(errors::operation_cancelled, "stopped while {} was asked", subject(status));
    }
    return status;
}

// A system that is still starting is neither well nor sick, and takes as long as it takes.
Result<> await_start(const Ports& ports, const Patience& patience) {
    const auto starting = [&] {
        const auto rows = ports.services.status();
        const auto system = std::ranges::find(rows, kSystemRow, &ServiceStatus::name);
        return system != rows.end() && system->state == "starting";
    };
    while (starting() && ports.clock.steady() + kStartPoll <= patience.end) {
        ports.observer.on_alive(kSlack);
        if (!ports.clock.sleep(kStartPoll, patience.stop))
            return fail(errors::operation_cancelled, "stopped while the system started");
    }
    return {};
}

Result<std::vector<HealthStatus>> demand_round(const Ports& ports,
                                               const std::vector<HealthCheck>& checks,
                                               const Patience& patience) {
    std::vector<HealthStatus> round;
    const HealthSpec services_spec{.name = kServicesCheck};
    round.push_back(TRY(ask_until_healthy(
        ports, services_spec, [&] { return look_at_services(ports); }, patience)));
    for (const auto& check : checks)
        round.push_back(TRY(ask_until_healthy(
            ports, check.spec, [&] { return ask_once(ports, check, patience.stop); }, patience)));
    return round;
}

}  // namespace

Result<std::vector<HealthCheck>> health_checks(const Ports& ports) {
    std::vector<HealthCheck> checks;
    checks.reserve(ports.config.health.size());
    for (const auto& spec : ports.config.health)
        checks.push_back({.spec = spec, .from = "device.toml"});
    for (const auto& package : TRY(running_stack(ports)))
        for (const auto& spec : package.manifest.health)
            checks.push_back({.spec = spec,
                              .from = fmt::format("package {} {}", package.manifest.name,
                                                  package.manifest.version.text())});
    return checks;
}

std::vector<HealthStatus> look_at_health(const Ports& ports, const std::stop_token& stop) {
    std::vector<HealthStatus> result{look_at_services(ports)};
    const auto checks = health_checks(ports);
    if (!checks) {
        result.push_back({.name = "health checks can be read",
                          .from = "agent",
                          .healthy = false,
                          .detail = checks.error().text(),
                          .checked = ports.clock.wall()});
        return result;
    }
    for (const auto& check : *checks) result.push_back(ask_once(ports, check, stop));
    return result;
}

Result<std::vector<HealthStatus>> demand_health(
    const Ports& ports, milliseconds deadline,
    const std::function<void(const std::string&)>& report, std::stop_token stop) {
    const auto checks = TRY(health_checks(ports));
    const Patience patience{.end = ports.clock.steady() + deadline, .stop = std::move(stop)};
    TRY(await_start(ports, patience));
    auto round = TRY(demand_round(ports, checks, patience));
    if (ports.config.settle.count() > 0) {
        ports.observer.on_alive(ports.config.settle + kSlack);
        if (!ports.clock.sleep(ports.config.settle, patience.stop))
            return fail(errors::operation_cancelled, "stopped while the new base settled");
        for (auto& status : round) status = {};
        round = TRY(demand_round(ports, checks, patience), "after {} to settle",
                    human_duration(ports.config.settle));
    }
    for (const auto& status : round) report(fmt::format("{}: {}", subject(status), status.detail));
    return round;
}

}  // namespace cutover
