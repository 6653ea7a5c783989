#include "backends/systemd/unit_jobs.h"

#include <chrono>
#include <cstdint>
#include <string>

#include <systemd/sd-bus.h>

#include "backends/systemd/bus.h"
#include "backends/systemd/units.h"
#include "base/error.h"
#include "platform/errors.h"

namespace cutover {

Result<> UnitJobs::watch() {
    TRY(bus_.call(of_manager("Subscribe"), {}, {}));
    return bus_.on_signal(of_manager("JobRemoved"), [this](sd_bus_message* message) {
        std::uint32_t number = 0;
        const char* path = nullptr;
        const char* unit = nullptr;
        const char* result = nullptr;
        const int done = sd_bus_message_read(message, "uoss", &number, &path, &unit, &result);
        // The rest of the system has jobs too: only those of now may be ours.
        if (done >= 0 && waiting_) ended_.insert_or_assign(path, result);
        return done;
    });
}

Result<std::string> UnitJobs::run(const char* member, const std::string& unit) {
    std::string job;
    ended_.clear();
    waiting_ = true;
    TRY(bus_.call(
        of_manager(member),
        [&](sd_bus_message* message) {
            return sd_bus_message_append(message, "ss", unit.c_str(), "replace");
        },
        [&](sd_bus_message* message) {
            const char* path = nullptr;
            const int done = sd_bus_message_read(message, "o", &path);
            if (done >= 0) job = path;
            return done;
        }));
    const bool over =
        TRY(bus_.wait_for([&] { return ended_.contains(job); }, bus_.deadline(), stop_));
    waiting_ = false;
    if (!over) return fail(errors::service_change_failed, "systemd did not end {} in time", member);
    return ended_.at(job);
}

Result<> run_unit(const std::string& address, const std::string& unit,
                  std::chrono::milliseconds patience) {
    auto bus = TRY(Bus::open(address, patience));
    UnitJobs jobs(bus, {});
    TRY(jobs.watch());
    const auto result = TRY(jobs.run("StartUnit", unit), "start {}", unit);
    if (result == "done") return {};
    return fail(errors::service_change_failed, "{}: {}", unit, result);
}

}  // namespace cutover
