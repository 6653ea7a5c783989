// What a DeviceState means.

#include "cli/state_view.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "cli/render_operation.h"
#include "cli/terminal.h"
#include "model/device.h"
#include "model/generation.h"
#include "model/operation.h"
#include "model/package_kind.h"
#include "model/version.h"

namespace cutover::cli {
namespace {

using testing::ElementsAre;

PackageRef package(const std::string& name, const std::string& version) {
    return {.kind = PackageKind::feature,
            .name = name,
            .version = Version::parse(version).value(),
            .digest = name + version};
}

// Runs `old 1`, `web 1.0` and `kept 1`; marked are web 1.1 to come and old to go.
class Reload : public testing::Test {
protected:
    Reload() {
        before.marks = {.running = 1, .startup = 1, .committed = 1};
        before.generations = {{.id = 1}};
        before.generations.front().packages = {package("old", "1"), package("web", "1.0"),
                                               package("kept", "1")};
        before.packages = {{.package = package("old", "1"), .state = PackageState::leaving},
                           {.package = package("web", "1.0"), .state = PackageState::running},
                           {.package = package("web", "1.1"), .state = PackageState::selected},
                           {.package = package("kept", "1"), .state = PackageState::running},
                           {.package = package("other", "1"), .state = PackageState::obtained}};
        now = before;
        operation.request.kind = OperationKind::reload;
        operation.state = OperationState::done;
    }
    void goes_well() {
        now.generations.push_back({.id = 2});
        now.generations.back().packages = {package("web", "1.1"), package("kept", "1")};
        now.marks.running = 2;
    }
    std::vector<std::string> results() const {
        std::vector<std::string> lines;
        for (const auto& each : reload_results(before, now, operation))
            lines.push_back(named(each.package) + " " + each.result +
                            (each.why.empty() ? "" : ": " + each.why));
        return lines;
    }

    DeviceState before;
    DeviceState now;
    Operation operation;
};

TEST_F(Reload, TellsOfEachPackageWhatBecameOfIt) {
    goes_well();
    EXPECT_THAT(results(), ElementsAre("web 1.1 loaded: in place of 1.0", "kept 1 unchanged",
                                       "old 1 removed"));
    const auto text = packages_text(reload_results(before, now, operation), Terminal{});
    EXPECT_NE(text.find("web      1.1      loaded     in place of 1.0"), std::string::npos) << text;
}

TEST_F(Reload, SaysOfWhatIsOnTrialThatItIs) {
    goes_well();
    operation.state = OperationState::awaiting_commit;
    EXPECT_THAT(results(), ElementsAre("web 1.1 loaded: in place of 1.0, on trial",
                                       "kept 1 unchanged", "old 1 removed: on trial"));
}

TEST_F(Reload, SaysWhyNothingWasLoadedWhenItFailed) {
    operation.state = OperationState::failed;
    operation.error = make_error(Errc::conflict, "web 1.1 did not pass its checks");
    EXPECT_THAT(results(),
                ElementsAre("old 1 failed: still loaded: web 1.1 did not pass its checks",
                            "web 1.0 unchanged",
                            "web 1.1 failed: not loaded: web 1.1 did not pass its checks",
                            "kept 1 unchanged"));
}

}  // namespace
}  // namespace cutover::cli
