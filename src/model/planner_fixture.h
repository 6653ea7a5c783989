#pragma once

// Devices to plan for, as values.

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "model/generation.h"
#include "model/operation.h"
#include "model/package_kind.h"
#include "model/plan.h"
#include "model/planner.h"
#include "model/slot.h"
#include "model/version.h"

namespace cutover {

inline Version version(const std::string& text) { return Version::parse(text).value(); }

inline Generation generation(GenerationId id, const std::string& of, Slot slot) {
    Generation made;
    made.id = id;
    made.base = {.name = "nos", .version = version(of), .digest = "digest-" + of};
    made.slot = slot;
    made.committed_once = true;
    return made;
}

// Runs 1.1.0 from slot B; 1.0.0 is committed in slot A.
inline PlanInput device() {
    PlanInput input;
    input.generations = {generation(1, "1.0.0", Slot::a), generation(2, "1.1.0", Slot::b)};
    input.marks = {.running = 2, .startup = 2, .committed = 2};
    input.slots = {{.slot = Slot::a, .state = SlotState::installed},
                   {.slot = Slot::b, .state = SlotState::installed}};
    input.active = Slot::b;
    return input;
}

inline PlanInput upgrade_to(const std::string& text) {
    auto input = device();
    input.request.kind = OperationKind::upgrade;
    input.request.sources = {"/tmp/nos.cc"};
    OfferedPackage package{.source = "/tmp/nos.cc", .digest = "digest-" + text};
    package.manifest.name = "nos";
    package.manifest.version = version(text);
    package.manifest.persist = {"etc/nos.conf"};
    input.offered = {package};
    return input;
}

inline std::vector<StepKind> kinds(const Plan& plan) {
    std::vector<StepKind> result;
    result.reserve(plan.steps.size());
    for (const auto& step : plan.steps) result.push_back(step.kind);
    return result;
}

inline OfferedPackage package(PackageKind kind, const std::string& name, const std::string& of) {
    OfferedPackage made{.source = "/tmp/" + name, .digest = name + "-" + of};
    made.manifest.kind = kind;
    made.manifest.name = name;
    made.manifest.version = version(of);
    return made;
}

inline PackageRef ref(const OfferedPackage& offered) {
    return {.kind = offered.manifest.kind,
            .name = offered.manifest.name,
            .version = offered.manifest.version,
            .digest = offered.digest,
            .side_by_side = offered.manifest.side_by_side};
}

class OnTop : public testing::Test {
protected:
    OnTop() {
        input.base.emplace();
        input.base->name = "nos";
        input.base->version = version("1.1.0");
        put(web);
        input.request.asked_by = "test@local";
    }

    // On top of what runs and what boots start.
    void put(const OfferedPackage& offered) {
        input.generations.back().packages.push_back(ref(offered));
        at_hand(offered);
    }
    void at_hand(OfferedPackage offered) {
        offered.source.clear();
        input.at_hand.push_back(std::move(offered));
    }
    void obtain(const OfferedPackage& offered) {
        at_hand(offered);
        input.depot.obtained.push_back(ref(offered));
    }
    Result<Plan> plan(OperationKind kind, const std::vector<std::string>& names = {}) {
        input.request.kind = kind;
        input.request.packages = names;
        return make_plan(input);
    }
    Result<Plan> plan_with(OperationKind kind, const OfferedPackage& offered) {
        input.offered = {offered};
        input.request.sources = {offered.source};
        return plan(kind);
    }
    std::vector<std::string> names(const std::vector<PackageRef>& packages) {
        std::vector<std::string> result;
        result.reserve(packages.size());
        for (const auto& one : packages) result.push_back(one.digest);
        return result;
    }

    OfferedPackage web = package(PackageKind::feature, "web", "1.0");
    OfferedPackage patch = package(PackageKind::patch, "fix", "1.0");
    PlanInput input = device();
};

}  // namespace cutover
