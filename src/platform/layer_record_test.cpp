#include "platform/layer_record.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "model/slot.h"
#include "platform/layers.h"

namespace cutover {
namespace {

const std::string kOne(64, '1');
const std::string kTwo(64, '2');

struct LayerRecordTest : testing::Test {
    Result<TempFolder> temp = TempFolder::create(testing::TempDir(), "record");
    std::filesystem::path file = temp->path() / "layers" / "startup.json";
    LayerRecord record{file};

    void damage(const std::string& content) const { std::ofstream(file) << content; }
};

TEST_F(LayerRecordTest, ADeviceWithoutARecordShowsItsBasesAlone) {
    EXPECT_EQ(record.read(Slot::a).value(), LayerStartup{});
    EXPECT_FALSE(record.count_try(Slot::a)) << "there is nothing to try";
}

TEST_F(LayerRecordTest, EachSlotHasAStackOfItsOwnThatOutlivesTheProcess) {
    ASSERT_TRUE(record.set_startup(Slot::a, {kOne, kTwo}));
    ASSERT_TRUE(record.set_startup(Slot::b, {kTwo}));
    const LayerRecord later(file);
    EXPECT_EQ(later.read(Slot::a)->committed, (LayerStack{kOne, kTwo}));
    EXPECT_EQ(later.read(Slot::b)->committed, LayerStack{kTwo});
}

TEST_F(LayerRecordTest, ATrialIsCountedUntilItIsExhaustedAndThenStaysToBeSeen) {
    ASSERT_TRUE(record.set_startup(Slot::a, {kOne}));
    ASSERT_TRUE(record.start_trial(Slot::a, {kTwo}, 2));
    EXPECT_EQ(record.count_try(Slot::a)->tries_left, 1);
    EXPECT_EQ(record.count_try(Slot::a)->tries_left, 0);
    EXPECT_FALSE(record.count_try(Slot::a));
    const auto startup = record.read(Slot::a).value();
    EXPECT_EQ(startup.trial, LayerStack{kTwo});
    EXPECT_EQ(startup.committed, LayerStack{kOne});
    ASSERT_TRUE(record.end_trial(Slot::a));
    ASSERT_TRUE(record.end_trial(Slot::a));
    EXPECT_EQ(record.read(Slot::a).value(), LayerStartup{.committed = {kOne}});
}

TEST_F(LayerRecordTest, ANewStackEndsATrialOfItsSlot) {
    ASSERT_TRUE(record.start_trial(Slot::a, {kTwo}, 1));
    ASSERT_TRUE(record.start_trial(Slot::b, {kOne}, 1));
    ASSERT_TRUE(record.set_startup(Slot::a, {kTwo}));
    EXPECT_EQ(record.read(Slot::a).value(), LayerStartup{.committed = {kTwo}});
    EXPECT_EQ(record.read(Slot::b)->trial, LayerStack{kOne});
}

TEST_F(LayerRecordTest, WhatIsNoStackIsRefused) {
    EXPECT_FALSE(record.set_startup(Slot::a, {"../../etc"}));
    EXPECT_FALSE(record.set_startup(Slot::a, {kOne, kOne}));
    EXPECT_FALSE(record.start_trial(Slot::a, {kOne}, 0));
    LayerStack many;
    for (int i = 0; i < 257; ++i) {
        auto digest = std::to_string(i);
        many.push_back(digest.insert(0, 64 - digest.size(), '0'));
    }
    EXPECT_FALSE(record.set_startup(Slot::a, many));
    many.pop_back();
    EXPECT_TRUE(record.set_startup(Slot::a, many));
    EXPECT_EQ(record.read(Slot::a)->committed, many);
}

TEST_F(LayerRecordTest, ADamagedRecordIsSaidToBeOneAndCanBeReplaced) {
    ASSERT_TRUE(record.set_startup(Slot::a, {kOne}));
    const auto good = read_file(file, 10'000).value();
    const std::string slot_a = R"({"format":1,"A":{"committed":)";
    for (const auto& content : {std::string(), good.substr(0, good.size() / 2), std::string("[]"),
                                std::string(R"({"format":2})"), std::string(300'000, ' ') + good,
                                slot_a + R"(["../x"],"trial":null,"tries":0,"tries_left":0}})",
                                slot_a + R"([],"trial":[],"tries":1,"tries_left":2}})",
                                slot_a + R"([],"trial":null,"tries":-1,"tries_left":-1}})"}) {
        damage(content);
        const auto read = record.read(Slot::a);
        ASSERT_FALSE(read) << content.substr(0, 100);
        EXPECT_EQ(read.error().id, "layer.record_damaged");
    }
    ASSERT_TRUE(record.set_startup(Slot::b, {kTwo}));
    EXPECT_EQ(record.read(Slot::a).value(), LayerStartup{});
    EXPECT_EQ(record.read(Slot::b)->committed, LayerStack{kTwo});
}

}  // namespace
}  // namespace cutover
