// Power is cut at every fault point of what changes a device: a child process does it and is
// killed, and what it leaves is looked at by another life.

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/log.h"
#include "model/manifest.h"
#include "model/slot.h"
#include "platform/boot_control.h"
#include "platform/emulated/boot_log.h"
#include "platform/emulated/emulated_boot.h"
#include "platform/emulated/emulated_device.h"
#include "platform/emulated/emulated_slots.h"
#include "platform/layering/test_packages.h"
#include "platform/slot_package.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr int kMorePointsThanThereAre = 1000;

// Runs `act` in a child that is killed at its `point`-th fault point. True when it was; false when
// it came to its end, which must be a good one.
bool cut_at(int point, const std::function<bool()>& act) {
    const pid_t child = ::fork();
    if (child == 0) {
        fault_restart(point, nullptr);
        ::_exit(act() ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) return true;
    EXPECT_EQ(WEXITSTATUS(status), 0);
    return false;
}

// Cuts at every point in turn, each time in a world that `prepare` makes new; the number of points.
int sweep(const std::function<void()>& prepare, const std::function<bool()>& act,
          const std::function<void(int)>& check) {
    for (int point = 1; point < kMorePointsThanThereAre; ++point) {
        prepare();
        const bool was_cut = cut_at(point, act);
        check(point);
        if (testing::Test::HasFailure() || !was_cut) return point - 1;
    }
    ADD_FAILURE() << "it never came to its end";
    return 0;
}

struct PowerCut : testing::TestWithParam<SlotFolders> {
    Result<TempFolder> temp = TempFolder::create(testing::TempDir(), "cut");
    fs::path folder = temp->path() / "device";
    std::unique_ptr<Log> log = Log::silent();

    static SlotPackage base(const std::string& version) {
        auto package = tree_package(version, {{"bin/run", "#!/bin/busybox sh\nexit 0\n"},
                                              {"etc/nos.conf", "of " + version}});
        package.manifest.persist = {"etc/nos.conf"};
        package.manifest.services = {
            {.name = "setup", .command = {"bin/run"}, .ready = ReadyWhen::ended}};
        return package;
    }
    const SlotPackage first = base("1.0.0");
    const SlotPackage second = base("2.0.0");

    // What people find under `current` is what runs, whatever cut the boots before.
    void expect_current(Slot booted) const {
        if (GetParam() == SlotFolders::lettered) return;
        const auto conf = read_file(folder / "current/etc/nos.conf", 100);
        EXPECT_EQ(conf.value_or("(none)"), booted == Slot::a ? "of 1.0.0" : "of 2.0.0");
    }

    void make_anew() const {
        fs::remove_all(folder);
        fs::create_directories(folder / "slots");
    }
    static bool write(EmulatedSlots& slots, Slot slot, const SlotPackage& package) {
        TextSource content(package.content);
        return slots.write(slot, package.manifest, content).has_value();
    }
    // A slot that says it holds `version` does; one that does not can be written.
    static void expect_honest(EmulatedSlots& slots, Slot slot, int point) {
        const auto manifest = slots.manifest(slot);
        if (!manifest) {
            EXPECT_EQ(manifest.error().kind, Errc::not_found) << "point " << point;
            return;
        }
        const auto conf = read_file(slots.root(slot) / "etc/nos.conf", 100);
        ASSERT_TRUE(conf) << "point " << point;
        EXPECT_EQ(*conf, "of " + manifest->version.text()) << "point " << point;
        EXPECT_TRUE(fs::exists(slots.root(slot) / "bin/run")) << "point " << point;
    }
};

TEST_P(PowerCut, ASlotIsEitherWrittenWholeOrHoldsNothing) {
    const int points = sweep(
        [&] {
            make_anew();
            EmulatedSlots slots(folder, GetParam());
            ASSERT_TRUE(write(slots, Slot::b, first));
        },
        [&] {
            EmulatedSlots slots(folder, GetParam());
            return write(slots, Slot::b, second);
        },
        [&](int point) {
            EmulatedSlots slots(folder, GetParam());
            expect_honest(slots, Slot::b, point);
            EXPECT_TRUE(write(slots, Slot::b, second)) << "point " << point;
            expect_honest(slots, Slot::b, point);
        });
    EXPECT_GE(points, 10);
}

TEST_P(PowerCut, AnImageIsEitherWrittenWholeOrTheSlotHoldsNothing) {
    if (GetParam() == SlotFolders::versioned) return;  // they take none
    const auto image = image_package("2.0.0", std::string(2'500'000, 'x'));
    const int points = sweep(
        [&] {
            make_anew();
            EmulatedSlots slots(folder, GetParam());
            ASSERT_TRUE(write(slots, Slot::b, image_package("1.0.0", std::string(1000, 'y'))));
        },
        [&] {
            EmulatedSlots slots(folder, GetParam());
            return write(slots, Slot::b, image);
        },
        [&](int point) {
            EmulatedSlots slots(folder, GetParam());
            const auto manifest = slots.manifest(Slot::b);
            if (!manifest) return;
            const auto stored = read_file(slots.image(Slot::b), 10'000'000).value_or("");
            const bool old_one = manifest->version.text() == "1.0.0";
            EXPECT_TRUE(stored == (old_one ? std::string(1000, 'y') : image.content)) << point;
        });
    EXPECT_GE(points, 10);
}

TEST_P(PowerCut, AnErasedSlotClaimsNothing) {
    const int points = sweep(
        [&] {
            make_anew();
            EmulatedSlots slots(folder, GetParam());
            ASSERT_TRUE(write(slots, Slot::b, first));
        },
        [&] { return EmulatedSlots(folder).erase(Slot::b).has_value(); },
        [&](int point) {
            EmulatedSlots slots(folder, GetParam());
            expect_honest(slots, Slot::b, point);
            EXPECT_TRUE(slots.erase(Slot::b)) << "point " << point;
        });
    EXPECT_GE(points, 3);
}

TEST_P(PowerCut, CarryingIsFinishedByRepeatingIt) {
    const auto carry = [&] {
        return EmulatedSlots(folder)
            .carry_persistent(Slot::a, Slot::b, {"etc/nos.conf"})
            .has_value();
    };
    const int points = sweep(
        [&] {
            make_anew();
            EmulatedSlots slots(folder, GetParam());
            ASSERT_TRUE(write(slots, Slot::a, first) && write(slots, Slot::b, second));
            std::ofstream(slots.root(Slot::a) / "etc/nos.conf") << "mine";
        },
        carry,
        [&](int point) {
            const EmulatedSlots slots(folder, GetParam());
            const auto conf = read_file(slots.root(Slot::b) / "etc/nos.conf", 100).value_or("");
            EXPECT_TRUE(conf == "mine" || conf == "of 2.0.0") << "point " << point << conf;
            EXPECT_TRUE(carry());
            EXPECT_EQ(read_file(slots.root(Slot::b) / "etc/nos.conf", 100).value_or(""), "mine");
            EXPECT_EQ(read_file(slots.root(Slot::a) / "etc/nos.conf", 100).value_or(""), "mine");
        });
    EXPECT_GE(points, 3);
}

TEST_P(PowerCut, TheBootRecordHoldsTheOldOrTheNewChoice) {
    const auto boot_folder = [&] { return EmulatedBoot(folder / "slots"); };
    const int points = sweep(
        [&] {
            make_anew();
            auto boot = boot_folder();
            ASSERT_TRUE(boot.write({}) && boot.start_trial(Slot::b, 2));
        },
        [&] { return boot_folder().confirm(Slot::b).has_value(); },
        [&](int point) {
            const auto status = boot_folder().status();
            ASSERT_TRUE(status) << "point " << point;
            const bool before = status->committed == Slot::a && status->trial == Slot::b;
            const bool after = status->committed == Slot::b && !status->trial;
            EXPECT_TRUE(before || after) << "point " << point;
        });
    EXPECT_GE(points, 4);
}

TEST_P(PowerCut, ATrialWhosePowerIsCutAnywhereEndsOnTheCommittedSlot) {
    const auto power_on = [&]() -> BootReport {
        auto device = EmulatedDevice::open(folder, *log);
        EXPECT_TRUE(device) << device.error().text();
        auto report = (*device)->power_on();
        EXPECT_TRUE(report) << report.error().text();
        expect_current(report.value_or(BootReport{}).booted);
        return report.value_or(BootReport{});
    };
    const int points = sweep(
        [&] {
            fs::remove_all(folder);
            ASSERT_TRUE(EmulatedDevice::create(folder, {.slots = GetParam()}));
            EmulatedSlots slots(folder, GetParam());
            ASSERT_TRUE(write(slots, Slot::a, first) && write(slots, Slot::b, second));
            ASSERT_TRUE(EmulatedBoot(folder / "boot").start_trial(Slot::b, 2));
        },
        [&] { return power_on().booted == Slot::b; },
        [&](int point) {
            const auto second_boot = power_on();
            EXPECT_EQ(second_boot.booted, Slot::b) << "point " << point;
            const auto status = EmulatedBoot(folder / "boot").status();
            ASSERT_TRUE(status);
            EXPECT_LE(status->tries_left, 1) << "point " << point;
            (void)power_on();
            const auto last = power_on();
            EXPECT_EQ(last.booted, Slot::a) << "point " << point;
            EXPECT_EQ(last.reason, BootReason::fallback) << "point " << point;
            EXPECT_EQ(last.failures.size(), 2U) << "point " << point;
        });
    EXPECT_GE(points, 10);
}

INSTANTIATE_TEST_SUITE_P(Folders, PowerCut,
                         testing::Values(SlotFolders::lettered, SlotFolders::versioned));

}  // namespace
}  // namespace cutover
