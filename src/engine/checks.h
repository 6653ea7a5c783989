#pragma once

#include <cstdint>
#include <span>
#include <stop_token>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "engine/ports.h"
#include "model/manifest.h"
#include "model/operation.h"
#include "model/planner.h"

namespace cutover {

// What a check may look at. It changes nothing.
struct CheckContext {
    const Ports& ports;
    const PlanInput& input;
    const Plan& plan;
    std::stop_token stop;
};

// Which operations a check is asked of.
enum class CheckScope : std::uint8_t {
    writes,       // those that write a package
    installs,     // those that bring what has not run before
    changes,      // all that change what runs or what boots start
    all,          // those and those that write
    carries,      // those that carry packages over to a new base, or that a warning is told of
    stacks,       // those that have packages on top when they are done
    reloads,      // of what was marked
    modules,      // those that start other YANG modules than those that run
    backs_up,     // those that make a backup by themselves
    restores,     // of a backup
    unbinds,      // those that take a package away that was there side by side
    host,         // those that write a package that needs something of the host, or a base of an
                  // instance on a host (versioned slots)
    instance,     // those that replace such a base
    config_work,  // those that start another base or other YANG modules
};

// One question that must be answered well before an operation changes anything.
struct Check {
    std::string_view name;  // what --force and [policy] unforceable mention
    CheckScope scope = CheckScope::installs;
    bool forceable = true;
    // ok or warning with a detail, or refused with an error.
    CheckResult (*ask)(const CheckContext& context);
};

std::span<const Check> all_checks();

// Runs the checks that the plan is subject to, all of them even if one refuses. A check that the
// request forces is skipped and says so. `invalid` when --force names what cannot be skipped.
Result<std::vector<CheckResult>> run_checks(const CheckContext& context);

// What the plan writes, of what was offered: a base first.
std::vector<const Manifest*> written_packages(const CheckContext& context);

// The error of the first refused check.
const Error* first_refusal(const std::vector<CheckResult>& checks);

}  // namespace cutover
