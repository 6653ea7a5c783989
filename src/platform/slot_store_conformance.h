#pragma once

// What every SlotStore promises, as tests that any back-end passes; used like
// boot_control_conformance.h.

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "base/byte_source.h"
#include "base/error.h"
#include "model/manifest.h"
#include "model/slot.h"
#include "platform/slot_package.h"
#include "platform/slot_store.h"

namespace cutover {

// A device with two empty slots, of which none runs.
class SlotBench {
public:
    virtual ~SlotBench() = default;
    virtual SlotStore& slots() = 0;
    virtual void run(Slot slot) = 0;  // `slot` is the running one from now on
    // A base of one of the payloads that the store takes, different for each version.
    virtual SlotPackage package(const std::string& version) = 0;
};

using MakeSlotBench = std::function<std::unique_ptr<SlotBench>()>;

class SlotStoreConformance : public testing::TestWithParam<MakeSlotBench> {
protected:
    SlotStore& slots() { return bench_->slots(); }
    Result<> write(Slot slot, const SlotPackage& package) {
        TextSource content(package.content);
        return slots().write(slot, package.manifest, content);
    }
    std::string held(Slot slot) {
        const auto manifest = slots().manifest(slot);
        if (!manifest) return std::string(to_string(manifest.error().kind));
        return manifest->version.text();
    }
    std::unique_ptr<SlotBench> bench_ = GetParam()();
};

TEST_P(SlotStoreConformance, AnEmptySlotHoldsNothing) {
    EXPECT_EQ(held(Slot::a), "not_found");
    EXPECT_EQ(held(Slot::b), "not_found");
    EXPECT_TRUE(slots().erase(Slot::b));
}

TEST_P(SlotStoreConformance, AWrittenSlotHoldsThePackageUntilItIsErased) {
    const auto written = write(Slot::b, bench_->package("1.0.0"));
    ASSERT_TRUE(written) << written.error().text();
    EXPECT_EQ(held(Slot::b), "1.0.0");
    EXPECT_EQ(held(Slot::a), "not_found");
    ASSERT_TRUE(slots().erase(Slot::b));
    EXPECT_EQ(held(Slot::b), "not_found");
    EXPECT_TRUE(slots().erase(Slot::b));
}

TEST_P(SlotStoreConformance, WritingAgainReplacesAllOfIt) {
    ASSERT_TRUE(write(Slot::b, bench_->package("1.0.0")));
    ASSERT_TRUE(write(Slot::b, bench_->package("2.0.0")));
    ASSERT_TRUE(write(Slot::b, bench_->package("2.0.0")));
    EXPECT_EQ(held(Slot::b), "2.0.0");
}

TEST_P(SlotStoreConformance, AFailedWriteLeavesTheSlotEmptyAndItsRoomFree) {
    ASSERT_TRUE(write(Slot::b, bench_->package("1.0.0")));
    const auto package = bench_->package("2.0.0");
    TextSource broken(package.content, package.content.size() / 2);
    EXPECT_FALSE(slots().write(Slot::b, package.manifest, broken));
    EXPECT_EQ(held(Slot::b), "not_found");
    EXPECT_TRUE(write(Slot::b, package)) << "and it can be written again";
}

TEST_P(SlotStoreConformance, ContentThatIsShorterOrLongerThanPromisedIsRefused) {
    auto longer = bench_->package("1.0.0");
    longer.content += std::string(512, '\0');
    EXPECT_FALSE(write(Slot::b, longer));
    EXPECT_EQ(held(Slot::b), "not_found");
    auto shorter = bench_->package("1.0.0");
    shorter.content.resize(shorter.content.size() - 512);
    EXPECT_FALSE(write(Slot::b, shorter));
    EXPECT_EQ(held(Slot::b), "not_found");
}

TEST_P(SlotStoreConformance, TheRunningSlotIsNeverTouched) {
    ASSERT_TRUE(write(Slot::a, bench_->package("1.0.0")));
    bench_->run(Slot::a);
    const auto written = write(Slot::a, bench_->package("2.0.0"));
    const auto erased = slots().erase(Slot::a);
    ASSERT_FALSE(written);
    ASSERT_FALSE(erased);
    EXPECT_EQ(written.error().id, "slot.active");
    EXPECT_EQ(erased.error().id, "slot.active");
    ASSERT_TRUE(write(Slot::b, bench_->package("2.0.0")));
    const auto carried = slots().carry_persistent(Slot::b, Slot::a, {"etc/nos.conf"});
    ASSERT_FALSE(carried);
    EXPECT_EQ(carried.error().id, "slot.active");
    EXPECT_EQ(held(Slot::a), "1.0.0");
}

TEST_P(SlotStoreConformance, APackageLargerThanTheFileSystemIsRefusedBeforeItIsRead) {
    auto package = bench_->package("1.0.0");
    const auto space = slots().space(Slot::b);
    ASSERT_TRUE(space);
    ASSERT_GT(space->available_bytes, 0U);
    package.manifest.payload.installed_bytes = space->available_bytes * 2;
    TextSource unread(package.content, 0);
    const auto written = slots().write(Slot::b, package.manifest, unread);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().id, "slot.no_space");
    EXPECT_EQ(held(Slot::b), "not_found");
}

TEST_P(SlotStoreConformance, APersistentPathMayNotLeaveTheSlot) {
    ASSERT_TRUE(write(Slot::a, bench_->package("1.0.0")));
    ASSERT_TRUE(write(Slot::b, bench_->package("2.0.0")));
    bench_->run(Slot::a);
    for (const auto* const path : {"../x", "/etc/passwd", "a/../../x", "", "."})
        EXPECT_FALSE(slots().carry_persistent(Slot::a, Slot::b, {path})) << path;
}

TEST_P(SlotStoreConformance, CarryingMayBeRepeatedAndMayFindNothing) {
    ASSERT_TRUE(write(Slot::a, bench_->package("1.0.0")));
    ASSERT_TRUE(write(Slot::b, bench_->package("2.0.0")));
    bench_->run(Slot::a);
    EXPECT_TRUE(slots().carry_persistent(Slot::a, Slot::b, {"etc/nos.conf", "no/such"}));
    EXPECT_TRUE(slots().carry_persistent(Slot::a, Slot::b, {"etc/nos.conf", "no/such"}));
    EXPECT_EQ(held(Slot::b), "2.0.0");
}

}  // namespace cutover
