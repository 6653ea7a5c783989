#include "backends/systemd/unit_change.h"

#include <chrono>
#include <csignal>
#include <cstddef>
#include <map>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <systemd/sd-bus.h>

#include "backends/systemd/bus.h"
#include "backends/systemd/unit_jobs.h"
#include "backends/systemd/units.h"
#include "base/error.h"
#include "base/process.h"
#include "model/service_change.h"
#include "platform/errors.h"

namespace cutover {
namespace {

using std::chrono::steady_clock;

// What systemd gives a process to end unless the unit says otherwise (DefaultTimeoutStopSec).
constexpr std::chrono::seconds kStopPatience{90};
constexpr std::size_t kMaxHookOutput = 4096;

Result<int> signal_number(std::string_view name) {
    if (name == "HUP") return SIGHUP;
    if (name == "USR1") return SIGUSR1;
    if (name == "USR2") return SIGUSR2;
    return fail(Errc::invalid, "'{}' is no signal for reloading", name);
}

std::string on_one_line(std::string text) {
    while (text.ends_with('\n')) text.pop_back();
    std::string line;
    for (const char c : text) line += c == '\n' ? std::string("; ") : std::string(1, c);
    return line;
}

// One action, with a connection of its own, which bounds its time.
class UnitChange {
public:
    UnitChange(const ServiceAction& action, const UnitPlace& place, Bus& bus, std::stop_token stop)
        : action_(action),
          place_(place),
          bus_(bus),
          stop_(stop),
          unit_(unit_name(action.service.spec.name)),
          jobs_(bus, std::move(stop)) {}

    Result<> carry_out() {
        TRY(jobs_.watch());
        switch (action_.kind) {
            case ServiceActionKind::start: return start("StartUnit");
            case ServiceActionKind::stop: return stop();
            case ServiceActionKind::reload: return reload();
            // The sockets of a socket unit are systemd's and stay open: who connects meanwhile
            // waits and is not refused. systemd runs no second process of a service beside the
            // first, so there is nothing better than its restart.
            case ServiceActionKind::restart:
            case ServiceActionKind::restart_with_sockets: return start("RestartUnit");
            case ServiceActionKind::hook:
            case ServiceActionKind::unhook: return run_hook(action_.command);
        }
        std::unreachable();
    }

private:
    Result<> run_job(const char* member) {
        const auto result = TRY(jobs_.run(member, unit_));
        if (result == "done") return {};
        return fail(errors::service_change_failed, "{}: {}", result, TRY(how_it_is()));
    }

    Result<> start(const char* member) {
        TRY(run_job(member));
        // What packages load into it after each start, its unit does: a start by systemd has it
        // too.
        return must_run();
    }

    Result<> stop() {
        const auto unit = TRY(find_unit(bus_, unit_));
        const bool there = unit.load != "not-found" || unit.active == "active";
        if (there) TRY(run_job("StopUnit"));
        if (action_.service.spec.listen.empty()) return {};
        // systemd holds the sockets, and would start the service again for whoever connects.
        const auto socket = action_.service.spec.name + ".socket";
        if (TRY(find_unit(bus_, socket)).active != "active") return {};
        const auto result = TRY(jobs_.run("StopUnit", socket));
        if (result == "done") return {};
        return fail(errors::service_change_failed, "{}: {}", socket, result);
    }

    Result<> reload() {
        TRY(must_run());
        const auto unit = TRY(find_unit(bus_, unit_));
        if (TRY(bus_.flag_property(of_unit(unit, "CanReload")))) return run_job("ReloadUnit");
        const auto signal = TRY(signal_number(action_.service.spec.reload_signal));
        const auto process = TRY(bus_.number_property(of_service(unit, "MainPID")));
        TRY(bus_.call(of_manager("KillUnit"),
                      [&](sd_bus_message* message) {
                          return sd_bus_message_append(message, "ssi", unit_.c_str(), "main",
                                                       signal);
                      },
                      {}));
        (void)TRY(bus_.wait_for([] { return false; }, steady_clock::now() + place_.grace, stop_));
        TRY(must_run());
        if (TRY(bus_.number_property(of_service(unit, "MainPID"))) == process) return {};
        return fail(errors::service_change_failed, "it ended on signal {}",
                    action_.service.spec.reload_signal);
    }

    Result<> run_hook(std::vector<std::string> command) {
        if (command.empty()) return fail(Errc::invalid, "a hook without a command");
        TRY(must_run());
        const auto unit = TRY(find_unit(bus_, unit_));
        const auto process = TRY(bus_.number_property(of_service(unit, "MainPID")));
        auto environment = place_.environment;
        for (const auto& [name, value] : action_.service.spec.environment)
            environment.insert_or_assign(name, value);
        environment["CUTOVER_SERVICE"] = action_.service.spec.name;
        if (process != 0) environment["CUTOVER_SERVICE_PID"] = std::to_string(process);
        const auto program = command.front();
        command.front() = (place_.root / program).string();
        const auto run = TRY(run_process({.command = std::move(command),
                                          .folder = place_.root,
                                          .environment = std::move(environment),
                                          .timeout = action_.service.spec.start_timeout,
                                          .max_output_bytes = kMaxHookOutput},
                                         stop_),
                             "its hook {}", program);
        if (run.exit_code == 0) return {};
        return fail(errors::service_change_failed, "its hook {} ended with exit code {}{}{}",
                    program, run.exit_code,
                    run.output.empty() ? "" : ", saying: ", on_one_line(run.output));
    }

    // A simple service's job is done when its process has begun; that may have ended since.
    Result<> must_run() {
        const auto row = TRY(look());
        if (row.state == "running" || row.state == "ended") return {};
        return fail(errors::service_change_failed, "{}", TRY(how_it_is()));
    }

    Result<ServiceStatus> look() {
        const auto unit = TRY(find_unit(bus_, unit_));
        return describe(bus_, action_.service.spec.name, unit);
    }

    Result<std::string> how_it_is() {
        const auto unit = TRY(find_unit(bus_, unit_));
        auto text = TRY(describe(bus_, action_.service.spec.name, unit)).detail;
        if (unit.load != "loaded") return text;
        const auto code = TRY(bus_.integer_property(of_service(unit, "ExecMainStatus")));
        if (code != 0) text += fmt::format(" (exit code or signal {})", code);
        return text;
    }

    static BusCall of_unit(const Unit& unit, const char* member) {
        auto call = of_service(unit, member);
        call.interface = "org.freedesktop.systemd1.Unit";
        return call;
    }

    const ServiceAction& action_;
    const UnitPlace& place_;
    Bus& bus_;
    const std::stop_token stop_;
    const std::string unit_;
    UnitJobs jobs_;
};

}  // namespace

Result<> change_unit(const ServiceAction& action, const UnitPlace& place, std::stop_token stop) {
    const auto patience = action.service.spec.start_timeout + kStopPatience;
    auto bus = TRY(Bus::open(place.bus, patience));
    auto done = UnitChange(action, place, bus, std::move(stop)).carry_out();
    if (done || done.error().kind == Errc::cancelled) return done;
    return fail(errors::service_change_failed, "{} service {}: {}", to_string(action.kind),
                action.service.spec.name, done.error().text());
}

}  // namespace cutover
