#include "platform/emulated/emulated_device.h"

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <poll.h>
#include <string>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "model/device_config.h"
#include "model/manifest.h"
#include "model/slot.h"
#include "platform/boot_control.h"
#include "platform/emulated/boot_log.h"
#include "platform/emulated/emulated_host.h"
#include "platform/emulated/supervisor.h"
#include "platform/host.h"
#include "platform/layering/test_packages.h"
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

bool eventually(const std::function<bool()>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (!holds()) {
        if (std::chrono::steady_clock::now() >= deadline) return false;
        ::poll(nullptr, 0, 2);
    }
    return true;
}

bool is_gone(pid_t pid) {
    const auto stat = read_file(fmt::format("/proc/{}/stat", pid), 10'000);
    return !stat || stat->contains(") Z ");
}

// A base whose one service runs `script`.
SlotPackage base(const std::string& version, const std::string& script) {
    auto package = tree_package(version, {{"bin/run", "#!/bin/busybox sh\n" + script + "\n"},
                                          {"etc/nos.conf", "default of " + version}});
    package.manifest.services = {{.name = "web", .command = {"bin/run"}}};
    package.manifest.persist = {"etc/nos.conf"};
    return package;
}
SlotPackage good_base(const std::string& version) {
    return base(version, "echo $$ >$CUTOVER_DATA/pid; exec sleep 60");
}
// A task that fails, for a service that ends at once might, on a busy machine, outlive kFast.grace.
SlotPackage broken_base(const std::string& version) {
    auto package = base(version, "echo I am broken; exit 5");
    package.manifest.services.front().ready = ReadyWhen::ended;
    return package;
}

struct EmulatedDeviceTest : testing::Test {
    Result<TempFolder> temp = TempFolder::create(testing::TempDir(), "device");
    fs::path folder = temp->path() / "router";
    std::unique_ptr<Log> log = Log::silent();
    std::unique_ptr<EmulatedDevice> device;

    EmulatedDeviceTest() {
        const auto created = EmulatedDevice::create(folder, {.name = "router-1"});
        EXPECT_TRUE(created) << created.error().text();
    }

    void open() {
        device.reset();
        auto opened = EmulatedDevice::open(folder, *log, {.services = kFast});
        ASSERT_TRUE(opened) << opened.error().text();
        device = *std::move(opened);
    }
    void put(Slot slot, const SlotPackage& package) const {
        TextSource content(package.content);
        const auto written = device->slots().write(slot, package.manifest, content);
        ASSERT_TRUE(written) << written.error().text();
    }
    // A new life of the device, as after a reboot.
    BootReport power_on() {
        open();
        const auto report = device->power_on();
        EXPECT_TRUE(report) << report.error().text();
        return report.value_or(BootReport{});
    }
    void provision(const SlotPackage& a, const std::optional<SlotPackage>& b = std::nullopt) {
        open();
        put(Slot::a, a);
        if (b) put(Slot::b, *b);
    }
    // What a service has written by its first line feed, which may come after it is taken for up.
    std::string awaited(const std::string& name) const {
        EXPECT_TRUE(eventually([&] { return text(name).contains('\n'); })) << name;
        return text(name);
    }
    std::string text(const std::string& name) const {
        return read_file(folder / name, 100'000).value_or("");
    }
};

TEST_F(EmulatedDeviceTest, ANewDeviceIsDescribedByItsFileAndHoldsNothing) {
    open();
    EXPECT_EQ(device->config().name, "router-1");
    EXPECT_THAT(text("device.toml"), HasSubstr("# hardware"));
    EXPECT_FALSE(device->slots().manifest(Slot::a));
    EXPECT_EQ(device->boot().status()->committed, Slot::a);
    DeviceConfig expected;
    expected.name = "router-1";
    EXPECT_EQ(device->config(), expected) << "what the file shows as defaults are the defaults";
}

TEST_F(EmulatedDeviceTest, ADeviceIsMadeOnlyInAFolderOfItsOwn) {
    const auto again = EmulatedDevice::create(folder, {});
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().id, "device.exists");
    EXPECT_TRUE(fs::exists(folder / "device.toml"));
    fs::create_directory(temp->path() / "empty");
    EXPECT_TRUE(EmulatedDevice::create(temp->path() / "empty", {.name = "a \"b\" \\c"}));
}

TEST_F(EmulatedDeviceTest, AFailedCreationLeavesNothing) {
    const auto failed =
        EmulatedDevice::create(temp->path() / "x", {.anchors = {temp->path() / "missing.pem"}});
    EXPECT_FALSE(failed);
    EXPECT_FALSE(fs::exists(temp->path() / "x"));
    EXPECT_FALSE(EmulatedDevice::create(temp->path() / "y", {.name = "bad\nname"}));
    EXPECT_FALSE(fs::exists(temp->path() / "y"));
}

TEST_F(EmulatedDeviceTest, TrustAnchorsAreCopied) {
    std::ofstream(temp->path() / "ca.pem") << "certificate";
    ASSERT_TRUE(EmulatedDevice::create(temp->path() / "z", {.anchors = {temp->path() / "ca.pem"}}));
    EXPECT_EQ(read_file(temp->path() / "z/trust/ca.pem", 100).value(), "certificate");
}

TEST_F(EmulatedDeviceTest, OnlyOneAgentHasTheDevice) {
    open();
    const auto second = EmulatedDevice::open(folder, *log);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().id, "device.in_use");
    EXPECT_THAT(second.error().message, HasSubstr(std::to_string(::getpid())));
}

TEST_F(EmulatedDeviceTest, AFolderWithoutADeviceIsSaidToBeOne) {
    const auto opened = EmulatedDevice::open(temp->path(), *log);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().id, "device.not_found");
    EXPECT_EQ(EmulatedDevice::open("/no/such", *log).error().id, "device.not_found");
}

TEST_F(EmulatedDeviceTest, PowerOnRunsTheServicesOfTheCommittedSlot) {
    provision(good_base("1.0.0"));
    const auto report = power_on();
    EXPECT_EQ(report.booted, Slot::a);
    EXPECT_EQ(report.reason, BootReason::normal);
    EXPECT_TRUE(report.failures.empty());
    EXPECT_EQ(device->services().status().at(0).state, "running");
    EXPECT_EQ(fs::canonical(device->host().root() / "bin"),
              fs::canonical(folder) / "slots/A/root/bin");
    const auto pid = static_cast<pid_t>(std::stol(awaited("data/pid")));
    EXPECT_FALSE(is_gone(pid));
    const auto refused = device->slots().erase(Slot::a);
    EXPECT_EQ(refused.error().id, "slot.active");
    device->power_off();
    EXPECT_TRUE(is_gone(pid));
}

TEST_F(EmulatedDeviceTest, EveryBootHasAnIdOfItsOwn) {
    provision(good_base("1.0.0"));
    const auto first = power_on();
    EXPECT_EQ(device->host().boot_id(), first.boot_id);
    EXPECT_NE(power_on().boot_id, first.boot_id);
}

TEST_F(EmulatedDeviceTest, AGoodTrialRunsAndIsCountedBeforeItIsMade) {
    provision(good_base("1.0.0"), good_base("2.0.0"));
    ASSERT_TRUE(device->boot().start_trial(Slot::b, 2));
    const auto report = power_on();
    EXPECT_EQ(report.booted, Slot::b);
    EXPECT_EQ(report.reason, BootReason::trial);
    EXPECT_EQ(report.detail, "trial 1 of 2");
    EXPECT_EQ(device->boot().status()->tries_left, 1);
    ASSERT_TRUE(device->boot().confirm(Slot::b));
    EXPECT_EQ(power_on().detail, "default");
    EXPECT_EQ(device->boot().status()->running, Slot::b);
}

TEST_F(EmulatedDeviceTest, ABrokenTrialFallsBackInOnePowerOnAndSaysWhy) {
    provision(good_base("1.0.0"), broken_base("2.0.0"));
    ASSERT_TRUE(device->boot().start_trial(Slot::b, 2));
    const auto report = power_on();
    EXPECT_EQ(report.booted, Slot::a);
    EXPECT_EQ(report.reason, BootReason::fallback);
    EXPECT_EQ(report.detail, "fallback: trial of slot B exhausted");
    ASSERT_EQ(report.failures.size(), 2U);
    EXPECT_THAT(report.failures[0].text, HasSubstr("I am broken"));
    EXPECT_EQ(device->services().status().at(0).state, "running");
    EXPECT_EQ(device->host().boot_failures(),
              (std::vector<std::string>{
                  fmt::format("slot B (trial boot): {}", report.failures[0].text),
                  fmt::format("slot B (trial boot): {}", report.failures[1].text)}));
    const auto kept = read_boot_report(folder / "run/last-boot.json");
    ASSERT_TRUE(kept);
    EXPECT_EQ(*kept, report);
    EXPECT_EQ(power_on().failures, report.failures) << "told until somebody ends the trial";
    ASSERT_TRUE(device->boot().end_trial());
    EXPECT_TRUE(power_on().failures.empty());
}

TEST_F(EmulatedDeviceTest, ATrialSlotThatHoldsNothingFallsBack) {
    provision(good_base("1.0.0"));
    ASSERT_TRUE(device->boot().start_trial(Slot::b, 1));
    const auto report = power_on();
    EXPECT_EQ(report.booted, Slot::a);
    EXPECT_THAT(report.failures.at(0).text, HasSubstr("slot B holds nothing"));
}

TEST_F(EmulatedDeviceTest, ATrialWhoseContentIsGoneFallsBack) {
    provision(good_base("1.0.0"), good_base("2.0.0"));
    fs::remove_all(folder / "slots/B/root");
    ASSERT_TRUE(device->boot().start_trial(Slot::b, 1));
    const auto report = power_on();
    EXPECT_EQ(report.booted, Slot::a);
    EXPECT_THAT(report.failures.at(0).text, HasSubstr("content of slot B is missing"));
}

TEST_F(EmulatedDeviceTest, ATrialThatIsRestartedBeforeItsEndUsesUpItsTries) {
    provision(good_base("1.0.0"), good_base("2.0.0"));
    ASSERT_TRUE(device->boot().start_trial(Slot::b, 2));
    EXPECT_EQ(power_on().booted, Slot::b);
    const auto second = power_on();
    EXPECT_EQ(second.booted, Slot::b);
    EXPECT_EQ(second.detail, "trial 2 of 2");
    EXPECT_THAT(second.failures.at(0).text, HasSubstr("restarted before the trial was over"));
    const auto third = power_on();
    EXPECT_EQ(third.booted, Slot::a);
    EXPECT_EQ(third.failures.size(), 2U);
}

TEST_F(EmulatedDeviceTest, ACommittedSlotThatDoesNotBootEndsInARescue) {
    provision(broken_base("1.0.0"));
    const auto report = power_on();
    EXPECT_EQ(report.booted, Slot::a);
    EXPECT_EQ(report.reason, BootReason::rescue);
    EXPECT_EQ(report.failures.size(), 2U);
    EXPECT_EQ(device->services().status().at(0).state, "failed");
    EXPECT_EQ(device->boot().status()->reason, BootReason::rescue);
    EXPECT_EQ(device->slots().erase(Slot::a).error().id, "slot.active");
}

TEST_F(EmulatedDeviceTest, ADeviceWithoutAnyBaseComesUpInRescue) {
    const auto report = power_on();
    EXPECT_EQ(report.reason, BootReason::rescue);
    EXPECT_THAT(report.failures.at(0).text, HasSubstr("slot A holds nothing"));
}

TEST_F(EmulatedDeviceTest, TwoDamagedRecordsStillBootASlotThatHoldsABase) {
    open();
    put(Slot::b, good_base("2.0.0"));
    for (const auto* const name : {"record.0", "record.1"})
        std::ofstream(folder / "boot" / name) << "junk";
    const auto report = power_on();
    EXPECT_EQ(report.booted, Slot::b);
    EXPECT_EQ(report.reason, BootReason::rescue);
    EXPECT_EQ(device->services().status().at(0).state, "running");
    EXPECT_EQ(device->boot().status()->committed, Slot::b);
    EXPECT_EQ(power_on().reason, BootReason::normal) << "the record is whole again";
}

TEST_F(EmulatedDeviceTest, TwoDamagedRecordsBootTheSlotThatRanLast) {
    provision(good_base("1.0.0"), good_base("2.0.0"));
    ASSERT_TRUE(device->boot().confirm(Slot::b));
    EXPECT_EQ(power_on().booted, Slot::b);
    device.reset();
    for (const auto* const name : {"record.0", "record.1"})
        std::ofstream(folder / "boot" / name) << "junk";
    EXPECT_EQ(power_on().booted, Slot::b);
}

TEST_F(EmulatedDeviceTest, KillingTheAgentTakesItsServicesWithItLikeAPowerCut) {
    provision(base("1.0.0",
                   // A daemon that has left its group and lost its parent's death signal.
                   "setsid sleep 60 & echo $! >$CUTOVER_DATA/stray\n"
                   "echo $$ >$CUTOVER_DATA/pid\nexec sleep 60"));
    device.reset();
    const pid_t agent = ::fork();
    if (agent == 0) {
        auto opened = EmulatedDevice::open(folder, *log, {.services = kFast});
        if (!opened || !(*opened)->power_on()) ::_exit(1);
        ::pause();
        ::_exit(0);
    }
    ASSERT_TRUE(eventually([&] { return text("run/last-boot.json").contains("\"up\": true"); }));
    const auto service = static_cast<pid_t>(std::stol(awaited("data/pid")));
    const auto stray = static_cast<pid_t>(std::stol(awaited("data/stray")));
    ASSERT_FALSE(is_gone(service));
    ::kill(agent, SIGKILL);
    ::waitpid(agent, nullptr, 0);
    EXPECT_TRUE(eventually([&] { return is_gone(service); }));
    EXPECT_EQ(power_on().booted, Slot::a);
    EXPECT_TRUE(is_gone(stray));
    EXPECT_TRUE(eventually([&] { return text("data/pid") != fmt::format("{}\n", service); }));
}

TEST_F(EmulatedDeviceTest, ARebootIsAskedForOnceAndToldToTheOwner) {
    provision(good_base("1.0.0"));
    int asked = 0;
    device.reset();
    auto opened =
        EmulatedDevice::open(folder, *log, {.services = kFast, .on_reboot = [&asked] { ++asked; }});
    ASSERT_TRUE(opened);
    EXPECT_FALSE((*opened)->reboot_requested());
    EXPECT_TRUE((*opened)->host().reboot());
    EXPECT_TRUE((*opened)->reboot_requested());
    EXPECT_EQ(asked, 1);
}

TEST_F(EmulatedDeviceTest, ChecksOfTheBaseRunInItsRoot) {
    auto package = good_base("1.0.0");
    provision(package);
    power_on();
    const auto answer = device->host().probe(
        {.name = "config", .exec = {"/bin/busybox", "cat", "etc/nos.conf"}}, {});
    ASSERT_TRUE(answer) << answer.error().text();
    EXPECT_EQ(*answer, "default of 1.0.0");
    const auto failed = device->host().probe({.name = "x", .exec = {"bin/nothing"}}, {});
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().id, "health.failed");
}

struct ImageDeviceTest : EmulatedDeviceTest {
    void SetUp() override {
        if (::geteuid() != 0 || !fs::exists("/dev/loop-control"))
            GTEST_SKIP() << "mounting an image needs root and loop devices";
    }
    static SlotPackage image_base(const std::string& version) {
        auto package = image_package(
            version,
            squashfs_image({{"bin/run",
                             "#!/bin/busybox sh\n(cat etc/nos.conf; echo) >$CUTOVER_DATA/said\n"
                             "exec sleep 60\n"},
                            {"etc/nos.conf", "default of " + version}}));
        package.manifest.services = {{.name = "web", .command = {"bin/run"}}};
        package.manifest.persist = {"etc/nos.conf"};
        return package;
    }
};

TEST_F(ImageDeviceTest, AnImageIsMountedAndItsServicesRun) {
    provision(image_base("1.0.0"));
    const auto report = power_on();
    ASSERT_TRUE(report.failures.empty()) << report.failures.at(0).text;
    EXPECT_EQ(device->services().status().at(0).state, "running");
    EXPECT_EQ(awaited("data/said"), "default of 1.0.0\n");
    const auto root = device->host().root();
    EXPECT_TRUE(fs::exists(root / "bin/run"));
    device->power_off();
    EXPECT_FALSE(fs::exists(root / "bin/run")) << "nothing stays mounted";
}

TEST_F(ImageDeviceTest, PersistentFilesOfAnImageAreShownOverItAndCarried) {
    provision(image_base("1.0.0"), image_base("2.0.0"));
    power_on();
    std::ofstream(device->host().root() / "etc/nos.conf") << "mine";
    EXPECT_EQ(text("persist/A/etc/nos.conf"), "mine");
    ASSERT_TRUE(device->slots().carry_persistent(Slot::a, Slot::b, {"etc/nos.conf"}));
    ASSERT_TRUE(device->boot().start_trial(Slot::b, 1));
    const auto report = power_on();
    EXPECT_EQ(report.booted, Slot::b);
    EXPECT_TRUE(eventually([&] { return text("data/said") == "mine\n"; }));
}

TEST_F(ImageDeviceTest, AnImageWithoutAFileSystemFailsTheBoot) {
    auto package = image_package("2.0.0", std::string(100'000, 'x'));
    package.manifest.services = {{.name = "web", .command = {"bin/run"}}};
    provision(good_base("1.0.0"), package);
    ASSERT_TRUE(device->boot().start_trial(Slot::b, 1));
    const auto report = power_on();
    EXPECT_EQ(report.booted, Slot::a);
    EXPECT_THAT(report.failures.at(0).text, HasSubstr("neither squashfs"));
}

}  // namespace
}  // namespace cutover
