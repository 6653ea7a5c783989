#include "store/store.h"

#include <chrono>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "model/version.h"

namespace cutover {
namespace {

struct StoreTest : testing::Test {
    Result<TempFolder> folder = TempFolder::create(testing::TempDir(), "store");
    Store open() { return Store::open(folder->path() / "device.db").value(); }
};

OperationRecord some_record() {
    OperationRecord record;
    auto& operation = record.operation;
    operation.id = 3;
    operation.title = "upgrade base nos 1.0.0 -> 1.1.0";
    operation.request = {.kind = OperationKind::upgrade,
                         .sources = {"/a", "/b"},
                         .mode = Mode::next_startup,
                         .trial = std::chrono::minutes(5),
                         .force = {"health"},
                         .plan_hash = "7f",
                         .asked_by = "root"};
    operation.state = OperationState::undoing;
    operation.stages = {{.stage = Stage::prep,
                         .state = StageState::done,
                         .duration = std::chrono::milliseconds(7),
                         .detail = "9 checks"}};
    operation.checks = {{.name = "space",
                         .verdict = CheckVerdict::refused,
                         .detail = "too small",
                         .error = make_error(Errc::no_space, "full")}};
    operation.ended = WallTime(std::chrono::milliseconds(12));
    operation.error = make_error(Errc::timeout, "late").within("check");
    operation.notes = {"carried over"};
    operation.warnings = {"careful"};
    record.plan.title = operation.title;
    record.plan.target.base = {.name = "nos", .version = Version::parse("1.1.0").value()};
    record.plan.target.slot = Slot::b;
    record.plan.steps = {{.kind = StepKind::write_slot,
                          .stage = Stage::install,
                          .name = "write",
                          .argument = "B",
                          .command = {"x", "y"}}};
    record.cursor = 4;
    record.begun = true;
    record.undoing = true;
    record.boot_id = "b";
    return record;
}

TEST_F(StoreTest, AnUnfinishedOperationReadsBackWholeAfterReopening) {
    const auto record = some_record();
    {
        auto store = open();
        ASSERT_TRUE(store.transact([&] { return store.put_operation(record); }));
    }
    auto store = open();
    const auto found = store.open_operation();
    ASSERT_TRUE(found);
    ASSERT_TRUE(found->has_value());
    EXPECT_EQ(**found, record);

    auto over = record;
    over.operation.state = OperationState::failed;
    ASSERT_TRUE(store.put_operation(over));
    EXPECT_FALSE(store.open_operation()->has_value());
    EXPECT_EQ(store.operations(10)->front(), over.operation);
}

TEST_F(StoreTest, ATransactionThatFailsLeavesNothing) {
    auto store = open();
    const auto done = store.transact([&]() -> Result<> {
        TRY(store.set_marks({.running = 1, .startup = 1, .committed = 1}));
        return fail(Errc::io, "cut");
    });
    EXPECT_FALSE(done);
    EXPECT_EQ(store.marks().value(), Marks{});
}

TEST_F(StoreTest, GenerationsAreNumberedAndNeverReuseANumber) {
    auto store = open();
    EXPECT_EQ(store.add_generation({}).value(), 1);
    EXPECT_EQ(store.add_generation({}).value(), 2);
    ASSERT_TRUE(store.remove_generation(2));
    EXPECT_EQ(store.add_generation({}).value(), 3);
}

TEST_F(StoreTest, EventsAreCountedWithoutGaps) {
    auto store = open();
    for (int i = 1; i <= 3; ++i)
        EXPECT_EQ(store.add_event({.type = "mark.moved", .text = std::to_string(i)})->sequence, i);
    const auto last = store.events(2).value();
    ASSERT_EQ(last.size(), 2U);
    EXPECT_EQ(last.front().text, "2");
    EXPECT_EQ(last.back().text, "3");
}

TEST_F(StoreTest, AnAlarmIsRaisedOnceAndKeptAfterItIsCleared) {
    auto store = open();
    const auto at = [](int ms) { return WallTime(std::chrono::milliseconds(ms)); };
    ASSERT_TRUE(store.raise_alarm({.name = "upgrade-failed", .text = "first", .raised = at(1)}));
    ASSERT_TRUE(store.raise_alarm({.name = "upgrade-failed", .text = "again", .raised = at(2)}));
    ASSERT_EQ(store.alarms()->size(), 1U);
    EXPECT_EQ(store.alarms()->front().text, "again");
    EXPECT_EQ(store.alarms()->front().raised, at(1));
    ASSERT_TRUE(store.clear_alarm("upgrade-failed", at(3)));
    ASSERT_TRUE(store.clear_alarm("upgrade-failed", at(4)));
    EXPECT_EQ(store.alarms()->front().cleared, at(3));
}

TEST_F(StoreTest, ADatabaseOfANewerSchemaIsRefused) {
    {
        auto database = Database::open(folder->path() / "device.db").value();
        ASSERT_TRUE(database.query("CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL)"));
        ASSERT_TRUE(database.query("INSERT INTO meta VALUES('schema', '99')"));
    }
    const auto store = Store::open(folder->path() / "device.db");
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().id, "store.newer");
}

TEST_F(StoreTest, SlotsAndPreviewsAreRemembered) {
    auto store = open();
    const SlotStatus status{.slot = Slot::b,
                            .state = SlotState::bad,
                            .holds = PackageRef{.name = "nos", .version = {}, .digest = "d"},
                            .committed_once = true};
    ASSERT_TRUE(store.put_slot(status));
    EXPECT_EQ(store.slots()->at(1), status);
    EXPECT_EQ(store.slots()->at(0).state, SlotState::empty);
    EXPECT_FALSE(store.was_previewed("7f").value());
    ASSERT_TRUE(store.put_preview("7f", {}));
    EXPECT_TRUE(store.was_previewed("7f").value());
}

}  // namespace
}  // namespace cutover
