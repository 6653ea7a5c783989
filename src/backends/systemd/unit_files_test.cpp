#include "backends/systemd/unit_files.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "base/process.h"
#include "model/manifest.h"
#include "model/service_change.h"

namespace cutover {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
namespace fs = std::filesystem;
using namespace std::chrono_literals;

struct UnitFilesTest : testing::Test {
    std::string text(const std::string& name) const {
        return read_file(place.folder / name, 10'000).value_or("(none)");
    }
    std::vector<std::string> write(const std::vector<PlannedService>& services) {
        auto names = write_unit_files(place, services);
        EXPECT_TRUE(names);
        return names.value_or(std::vector<std::string>());
    }
    static PlannedService service(const std::string& name, const std::string& owner) {
        return {.spec = {.name = name, .command = {"usr/bin/" + name, "--fast"}},
                .owner = owner,
                .after_start = {}};
    }

    TempFolder folder = TempFolder::create(testing::TempDir(), "unit-files").value();
    UnitFilesPlace place{.root = folder.path() / "root",
                         .folder = folder.path() / "units",
                         .base = "nos 1.0.0",
                         .base_services = {"nosd"},
                         .packages = {folder.path() / "layer"},
                         .environment = {{"CUTOVER_ROOT", "/"}}};
};

TEST_F(UnitFilesTest, AServiceOfAPackageGetsAUnitAndItsSockets) {
    auto web = service("web", "web 1.1.0");
    web.spec.listen = {"tcp:127.0.0.1:8080", "tcp:9090"};
    web.spec.ready = ReadyWhen::notified;
    web.spec.environment = {{"MODE", "quick"}};
    EXPECT_THAT(write({service("nosd", "nos 1.0.0"), web}), ElementsAre("web"));
    const auto unit = text("web.service");
    EXPECT_THAT(unit, HasSubstr("ExecStart=\"/usr/bin/web\" \"--fast\"\n"));
    EXPECT_THAT(unit, HasSubstr("Type=notify\n"));
    EXPECT_THAT(unit, HasSubstr("Environment=\"CUTOVER_ROOT=/\"\n"));
    EXPECT_THAT(unit, HasSubstr("Environment=\"MODE=quick\"\n"));
    EXPECT_THAT(unit, HasSubstr("Sockets=web.socket\n"));
    EXPECT_THAT(unit, HasSubstr("TimeoutStartSec=10000ms\n"));
    EXPECT_THAT(text("web.socket"), HasSubstr("ListenStream=127.0.0.1:8080\nListenStream=9090\n"));
    EXPECT_EQ(text("nosd.service"), "(none)") << "the base has its own";
}

TEST_F(UnitFilesTest, WhatIsNoLongerInTheStackGoesAndWhatIsOthersStays) {
    write({service("web", "web 1.1.0"), service("bgp", "bgp 2.0.0")});
    std::ofstream(place.folder / "mine.service") << "[Service]\n";
    write({service("bgp", "bgp 2.1.0")});
    EXPECT_EQ(text("web.service"), "(none)");
    EXPECT_THAT(text("bgp.service"), HasSubstr("of bgp 2.1.0"));
    EXPECT_EQ(text("mine.service"), "[Service]\n");
    write({});
    EXPECT_EQ(text("bgp.service"), "(none)");
}

TEST_F(UnitFilesTest, AUnitThatThePackageBringsIsLeftToItAndLoadsWhatPackagesLoad) {
    for (const auto* const root : {"layer", "root"}) {  // what a layer has is seen
        fs::create_directories(folder.path() / root / "usr/lib/systemd/system");
        std::ofstream(folder.path() / root / "usr/lib/systemd/system/web.service") << "[Service]\n";
    }
    auto web = service("web", "web 1.1.0");
    auto nosd = service("nosd", "nos 1.0.0");
    nosd.after_start = {{"usr/lib/fix/load", "100%"}};
    EXPECT_THAT(write({nosd, web}), ElementsAre("web"));
    EXPECT_EQ(text("web.service"), "(none)");
    EXPECT_THAT(text("nosd.service.d/50-cutover.conf"),
                HasSubstr("ExecStartPost=/usr/bin/env \"CUTOVER_SERVICE=nosd\" "
                          "CUTOVER_SERVICE_PID=${MAINPID} \"/usr/lib/fix/load\" \"100%%\"\n"));
    write({web});
    EXPECT_EQ(text("nosd.service.d/50-cutover.conf"), "(none)");
}

TEST_F(UnitFilesTest, AServiceOfTheBaseIsReplacedAndNoOtherUnitOfItIs) {
    fs::create_directories(place.root / "usr/lib/systemd/system");
    for (const auto* const unit : {"nosd", "dbus"})
        std::ofstream(place.root / "usr/lib/systemd/system" / (std::string(unit) + ".service"))
            << "[Service]\n";
    EXPECT_THAT(write({service("nosd", "nosd-new 2.0.0")}), ElementsAre("nosd"));
    EXPECT_THAT(text("nosd.service"), HasSubstr("of nosd-new 2.0.0"));
    const auto refused = write_unit_files(place, {service("dbus", "evil 1.0.0")});
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("evil 1.0.0 brings the service dbus"));
    EXPECT_EQ(text("dbus.service"), "(none)");
    // What lies in /etc would go before ours, which would then never run.
    fs::create_directories(place.root / "etc/systemd/system");
    std::ofstream(place.root / "etc/systemd/system/nosd.service") << "[Service]\n";
    EXPECT_FALSE(write_unit_files(place, {service("nosd", "nosd-new 2.0.0")}));
}

TEST_F(UnitFilesTest, NothingInACommandIsTakenForSyntax) {
    auto web = service("web", "web 1.1.0");
    web.spec.command = {"usr/bin/web", "a b",         "say \"hi\"", "100%",
                        "$HOME",       "back\\slash", "two\nlines"};
    EXPECT_THAT(service_unit(web, {}),
                HasSubstr(R"(ExecStart="/usr/bin/web" "a b" "say \"hi\"" "100%%" "$$HOME" )"
                          R"("back\\slash" "two\x0alines")"));
}

// What systemd itself says of the files, where it is installed.
TEST_F(UnitFilesTest, SystemdReadsThem) {
    if (!find_program("systemd-analyze")) GTEST_SKIP() << "systemd-analyze is missing";
    auto web = service("web", "web 1.1.0");
    web.spec.command = {"bin/true", "a b", "say \"hi\" 100% $HOME back\\slash two\nlines"};
    web.spec.listen = {"tcp:127.0.0.1:8080"};
    auto once = service("once", "web 1.1.0");
    once.spec.command = {"bin/true"};
    once.spec.ready = ReadyWhen::ended;
    once.spec.restart = RestartPolicy::always;
    once.after_start = {{"bin/true", "x"}};
    write({web, once});
    const auto verified =
        run_process({.command = {"systemd-analyze", "verify", "--man=no", "--generators=no",
                                 (place.folder / "web.service").string(),
                                 (place.folder / "once.service").string()},
                     .timeout = 60s});
    ASSERT_TRUE(verified) << verified.error().text();
    EXPECT_EQ(verified->exit_code, 0) << verified->output;
    EXPECT_THAT(verified->output, Not(HasSubstr("web.s")));
    EXPECT_THAT(verified->output, Not(HasSubstr("once.s")));
}

}  // namespace
}  // namespace cutover
