// Booting with packages on top of the base: trials, fallbacks, damage, and power cuts.

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <sys/types.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/log.h"
#include "model/manifest.h"
#include "model/package_kind.h"
#include "model/slot.h"
#include "platform/boot_control.h"
#include "platform/emulated/boot_log.h"
#include "platform/emulated/emulated_device.h"
#include "platform/emulated/supervisor.h"
#include "platform/host.h"
#include "platform/layering/test_packages.h"
#include "platform/layers.h"
#include "platform/services.h"
#include "platform/slot_package.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr SupervisorOptions kFast{.grace = 50ms,
                                  .first_backoff = 5ms,
                                  .longest_backoff = 10ms,
                                  .max_restarts = 1,
                                  .restart_window = 10'000ms,
                                  .stop_timeout = 300ms};

const LayerStack kOne{std::string(64, '1')};
const LayerStack kTwo{std::string(64, '2')};

// The task "say" tells what is in the view when it boots.
SlotPackage base(const std::string& version) {
    auto package = tree_package(
        version, {{"bin/say", "#!/bin/busybox sh\ncat share/what >$CUTOVER_DATA/said\n"},
                  {"share/what", "base " + version}});
    package.manifest.services = {
        {.name = "say", .command = {"bin/say"}, .ready = ReadyWhen::ended}};
    return package;
}

// Brings another content and a task of its own, which may fail.
SlotPackage feature(const std::string& what, bool works = true) {
    auto package = tree_package(
        "1.0.0", {{"share/what", what},
                  {"bin/extra", works ? "#!/bin/busybox sh\nexit 0\n"
                                      : "#!/bin/busybox sh\necho I am broken; exit 5\n"}});
    package.manifest.kind = PackageKind::feature;
    package.manifest.name = "extra";
    package.manifest.services = {
        {.name = "extra", .command = {"bin/extra"}, .ready = ReadyWhen::ended}};
    return package;
}

struct LayeredBoot : testing::Test {
    Result<TempFolder> temp = TempFolder::create(testing::TempDir(), "layered");
    fs::path folder = temp->path() / "router";
    std::unique_ptr<Log> log = Log::silent();
    std::unique_ptr<EmulatedDevice> device;

    LayeredBoot() { make_anew(); }

    void make_anew() {
        device.reset();
        fs::remove_all(folder);
        ASSERT_TRUE(EmulatedDevice::create(folder, {}));
        open();
        const auto package = base("1.0.0");
        TextSource content(package.content);
        ASSERT_TRUE(device->slots().write(Slot::a, package.manifest, content));
        put(kOne, feature("one"));
    }
    void open() {
        device.reset();
        auto opened = EmulatedDevice::open(folder, *log, {.services = kFast});
        ASSERT_TRUE(opened) << opened.error().text();
        device = *std::move(opened);
    }
    void put(const LayerStack& stack, const SlotPackage& package) const {
        TextSource content(package.content);
        const auto written =
            device->layers().write(stack.front(), package.manifest, content, LayerStack{});
        ASSERT_TRUE(written) << written.error().text();
    }
    BootReport power_on() {
        open();
        const auto report = device->power_on();
        EXPECT_TRUE(report) << report.error().text();
        return report.value_or(BootReport{});
    }
    std::string said() const { return read_file(folder / "data/said", 100).value_or(""); }
};

TEST_F(LayeredBoot, TheCommittedStackIsShownAndItsServicesRun) {
    ASSERT_TRUE(device->layers().set_startup(Slot::a, kOne));
    const auto report = power_on();
    EXPECT_TRUE(report.up);
    EXPECT_EQ(report.detail, "default");
    EXPECT_FALSE(report.layers_trial || report.layers_fell_back);
    EXPECT_EQ(device->layers().shown(), kOne);
    EXPECT_EQ(said(), "one");
    ASSERT_EQ(device->services().status().size(), 2U);
    EXPECT_EQ(device->services().status().at(1).name, "extra");
    EXPECT_EQ(device->host().environment().at("CUTOVER_ROOT"),
              (fs::canonical(folder) / "run/current").string());
    EXPECT_EQ(read_file(device->host().root() / "share/what", 10).value(), "one");
}

TEST_F(LayeredBoot, ATrialIsCountedAndLastsUntilItIsMadeTheStartup) {
    put(kTwo, feature("two"));
    ASSERT_TRUE(device->layers().set_startup(Slot::a, kOne));
    ASSERT_TRUE(device->layers().start_trial(Slot::a, kTwo, 2));
    const auto report = power_on();
    EXPECT_TRUE(report.layers_trial);
    EXPECT_FALSE(report.layers_fell_back);
    EXPECT_EQ(report.detail, "packages: trial 1 of 2");
    EXPECT_EQ(said(), "two");
    EXPECT_EQ(device->layers().startup(Slot::a)->tries_left, 1);
    ASSERT_TRUE(device->layers().set_startup(Slot::a, kTwo));
    const auto next = power_on();
    EXPECT_FALSE(next.layers_trial || next.layers_fell_back);
    EXPECT_TRUE(next.failures.empty());
    EXPECT_EQ(said(), "two");
}

TEST_F(LayeredBoot, ABrokenTrialFallsBackToTheCommittedStackInOnePowerOnAndSaysWhy) {
    put(kTwo, feature("two", false));
    ASSERT_TRUE(device->layers().set_startup(Slot::a, kOne));
    ASSERT_TRUE(device->layers().start_trial(Slot::a, kTwo, 2));
    const auto report = power_on();
    EXPECT_TRUE(report.up);
    EXPECT_EQ(report.booted, Slot::a);
    EXPECT_FALSE(report.layers_trial);
    EXPECT_TRUE(report.layers_fell_back);
    EXPECT_EQ(report.detail, "fallback: trial of 1 packages exhausted");
    ASSERT_EQ(report.failures.size(), 2U);
    EXPECT_THAT(report.failures[0].text, HasSubstr("I am broken"));
    EXPECT_EQ(device->layers().shown(), kOne);
    EXPECT_EQ(said(), "one");
    const auto kept = read_boot_report(folder / "run/last-boot.json");
    ASSERT_TRUE(kept);
    EXPECT_EQ(*kept, report);
    const auto again = power_on();
    EXPECT_TRUE(again.layers_fell_back) << "told until somebody ends the trial";
    EXPECT_EQ(again.failures, report.failures);
    ASSERT_TRUE(device->layers().end_trial(Slot::a));
    const auto ended = power_on();
    EXPECT_FALSE(ended.layers_fell_back);
    EXPECT_TRUE(ended.failures.empty());
}

TEST_F(LayeredBoot, ATrialThatIsRestartedBeforeItsEndUsesUpItsTries) {
    put(kTwo, feature("two"));
    ASSERT_TRUE(device->layers().start_trial(Slot::a, kTwo, 2));
    EXPECT_TRUE(power_on().layers_trial);
    const auto second = power_on();
    EXPECT_TRUE(second.layers_trial);
    ASSERT_EQ(second.failures.size(), 1U);
    EXPECT_THAT(second.failures[0].text, HasSubstr("restarted before the trial was over"));
    const auto third = power_on();
    EXPECT_TRUE(third.layers_fell_back);
    EXPECT_EQ(third.failures.size(), 2U);
    EXPECT_EQ(said(), "base 1.0.0");
}

TEST_F(LayeredBoot, ACommittedStackThatIsGoneLeavesTheBaseRunning) {
    ASSERT_TRUE(device->layers().set_startup(Slot::a, kOne));
    fs::remove_all(folder / "layers/packages");
    const auto report = power_on();
    EXPECT_TRUE(report.up);
    EXPECT_TRUE(report.layers_fell_back);
    EXPECT_EQ(report.detail, "fallback: the base without its packages");
    ASSERT_EQ(report.failures.size(), 1U);
    EXPECT_THAT(report.failures[0].text, HasSubstr("there is no layer 1111"));
    EXPECT_EQ(said(), "base 1.0.0");
}

TEST_F(LayeredBoot, ADamagedRecordLeavesTheBaseRunningAndIsTold) {
    ASSERT_TRUE(device->layers().set_startup(Slot::a, kOne));
    std::ofstream(folder / "layers/startup.json") << "{";
    const auto report = power_on();
    EXPECT_TRUE(report.up);
    EXPECT_TRUE(report.layers_fell_back);
    EXPECT_EQ(report.detail, "fallback: the record of packages is damaged");
    EXPECT_EQ(said(), "base 1.0.0");
    EXPECT_EQ(device->layers().startup(Slot::a).value(), LayerStartup{});
    ASSERT_TRUE(device->layers().set_startup(Slot::a, kOne));
    EXPECT_FALSE(power_on().layers_fell_back);
    EXPECT_EQ(said(), "one");
}

TEST_F(LayeredBoot, EachSlotComesUpWithItsOwnPackages) {
    const auto second = base("2.0.0");
    TextSource content(second.content);
    ASSERT_TRUE(device->slots().write(Slot::b, second.manifest, content));
    ASSERT_TRUE(device->layers().set_startup(Slot::a, kOne));
    ASSERT_TRUE(device->boot().start_trial(Slot::b, 1));
    EXPECT_EQ(power_on().booted, Slot::b);
    EXPECT_EQ(said(), "base 2.0.0");
    EXPECT_EQ(power_on().booted, Slot::a);
    EXPECT_EQ(said(), "one");
}

TEST_F(LayeredBoot, PackagesLieOnAMountedImageToo) {
    if (::geteuid() != 0) GTEST_SKIP() << "mounting an image needs root";
    const auto image =
        squashfs_image({{"bin/say", "#!/bin/busybox sh\ncat share/what >$CUTOVER_DATA/said\n"},
                        {"share/what", "image"}});
    if (image.empty()) GTEST_SKIP() << "no mksquashfs on this machine";
    auto package = image_package("2.0.0", image);
    package.manifest.services = {
        {.name = "say", .command = {"bin/say"}, .ready = ReadyWhen::ended}};
    TextSource content(package.content);
    ASSERT_TRUE(device->slots().write(Slot::b, package.manifest, content));
    ASSERT_TRUE(device->boot().confirm(Slot::b));
    ASSERT_TRUE(device->layers().set_startup(Slot::b, kOne));
    const auto report = power_on();
    ASSERT_TRUE(report.up && !report.layers_fell_back) << report.detail;
    EXPECT_EQ(said(), "one");
    // As the engine does, from a thread of its own.
    std::jthread([&] {
        put(kTwo, feature("two"));
        const auto shown = device->layers().show(kTwo);
        ASSERT_TRUE(shown) << shown.error().text();
    }).join();
    const auto probed = device->host().probe({.name = "say", .exec = {"bin/say"}}, {});
    ASSERT_TRUE(probed) << probed.error().text();
    EXPECT_EQ(said(), "two");
    device->power_off();
    EXPECT_FALSE(fs::exists(folder / "run/current"));
}

TEST_F(LayeredBoot, ATrialWhosePowerIsCutAnywhereEndsOnTheCommittedStack) {
    int points = 0;
    for (bool was_cut = true; was_cut && !HasFailure(); ++points) {
        make_anew();
        put(kTwo, feature("two"));
        ASSERT_TRUE(device->layers().set_startup(Slot::a, kOne));
        ASSERT_TRUE(device->layers().start_trial(Slot::a, kTwo, 1));
        device.reset();
        const pid_t child = ::fork();
        if (child == 0) {
            fault_restart(points + 1, nullptr);
            ::_exit(power_on().layers_trial ? 0 : 1);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        was_cut = WIFSIGNALED(status);
        if (!was_cut) {
            EXPECT_EQ(WEXITSTATUS(status), 0);
        }
        const auto next = power_on();
        EXPECT_TRUE(next.up && (next.layers_trial || next.layers_fell_back)) << points;
        EXPECT_EQ(said(), next.layers_trial ? "two" : "one") << points;
        const auto last = power_on();
        EXPECT_TRUE(last.up && last.layers_fell_back) << points;
        EXPECT_EQ(last.failures.size(), 1U) << points;
        EXPECT_EQ(said(), "one") << points;
    }
    EXPECT_GE(points, 10);
}

}  // namespace
}  // namespace cutover
