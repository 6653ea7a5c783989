#include "backends/overlay/layers_boot.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "model/slot.h"
#include "platform/layer_record.h"
#include "platform/layers.h"

namespace cutover {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const LayerStack kOld{std::string(64, '1')};
const LayerStack kNew{std::string(64, '1'), std::string(64, '2')};

struct LayersBootTest : testing::Test {
    void SetUp() override { ASSERT_TRUE(record.set_startup(Slot::a, kOld)); }
    BootedLayers boot() {
        return boot_layers(record, Slot::a, failures, [this](const LayerStack& stack, bool) {
            asked.push_back(stack);
            return broken == stack ? Result<>(fail(Errc::io, "the disk says no")) : Result<>{};
        });
    }

    TempFolder folder = TempFolder::create(testing::TempDir(), "boot").value();
    std::filesystem::path failures = folder.path() / "failures";
    LayerRecord record{folder.path() / "startup.json"};
    LayerStack broken{"none"};
    std::vector<LayerStack> asked;
};

TEST_F(LayersBootTest, WithoutATrialTheCommittedPackagesAreShown) {
    const auto booted = boot();
    EXPECT_EQ(booted.shown, kOld);
    EXPECT_FALSE(booted.trial);
    EXPECT_THAT(booted.failures, IsEmpty());
}

TEST_F(LayersBootTest, ATrialIsShownWhileItHasTriesLeftAndEachIsCounted) {
    ASSERT_TRUE(record.start_trial(Slot::a, kNew, 2));
    EXPECT_EQ(boot().shown, kNew);
    EXPECT_EQ(record.read(Slot::a)->tries_left, 1);
    EXPECT_THAT(read_layers_failures(failures), IsEmpty());
    EXPECT_TRUE(boot().trial);
    EXPECT_THAT(read_layers_failures(failures), ElementsAre(HasSubstr("restarted before")));
    const auto third = boot();
    EXPECT_EQ(third.shown, kOld);
    EXPECT_FALSE(third.trial);
    EXPECT_EQ(read_layers_failures(failures).size(), 2U);
    ASSERT_TRUE(record.end_trial(Slot::a));
    (void)boot();
    EXPECT_THAT(read_layers_failures(failures), IsEmpty()) << "of another trial, not of this boot";
}

TEST_F(LayersBootTest, ATrialThatCannotBeShownIsUsedUpAtOnceAndTheReasonIsKept) {
    ASSERT_TRUE(record.start_trial(Slot::a, kNew, 2));
    broken = kNew;
    const auto booted = boot();
    EXPECT_EQ(booted.shown, kOld);
    EXPECT_THAT(asked, ElementsAre(kNew, kNew, kOld));
    EXPECT_EQ(record.read(Slot::a)->tries_left, 0);
    EXPECT_THAT(read_layers_failures(failures),
                ElementsAre(HasSubstr("the disk says no"), HasSubstr("the disk says no")));
}

TEST_F(LayersBootTest, TheBaseAloneIsBetterThanNoDevice) {
    broken = kOld;
    const auto booted = boot();
    EXPECT_EQ(booted.shown, LayerStack{});
    EXPECT_THAT(asked, ElementsAre(kOld, LayerStack{}));
    EXPECT_THAT(booted.failures, ElementsAre(HasSubstr("the disk says no")));
    std::ofstream(folder.path() / "startup.json") << "{ damaged";
    asked.clear();
    EXPECT_EQ(boot().shown, LayerStack{});
    EXPECT_THAT(asked, ElementsAre(LayerStack{}));
    EXPECT_EQ(read_layers_failures(failures).size(), 1U);
}

}  // namespace
}  // namespace cutover
