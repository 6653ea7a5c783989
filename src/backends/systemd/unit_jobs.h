#pragma once

#include <chrono>
#include <map>
#include <stop_token>
#include <string>
#include <utility>

#include "backends/systemd/bus.h"
#include "base/error.h"

namespace cutover {

// Jobs of systemd, followed to their ends on one connection.
class UnitJobs {
public:
    UnitJobs(Bus& bus, std::stop_token stop) : bus_(bus), stop_(std::move(stop)) {}

    Result<> watch();  // before the first job, so that no end of one is missed
    // `member` is StartUnit, StopUnit, RestartUnit or ReloadUnit. How the job ended: "done",
    // "failed", ...; service.change_failed when it did not in the connection's time.
    Result<std::string> run(const char* member, const std::string& unit);

private:
    Bus& bus_;
    const std::stop_token stop_;
    std::map<std::string, std::string> ended_;  // jobs with their results
    bool waiting_ = false;
};

// Runs a oneshot unit to its end.
Result<> run_unit(const std::string& bus, const std::string& unit,
                  std::chrono::milliseconds patience);

}  // namespace cutover
