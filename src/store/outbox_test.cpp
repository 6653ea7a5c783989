#include "store/outbox.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "model/event.h"
#include "model/operation.h"
#include "store/database.h"
#include "store/store.h"

namespace cutover {
namespace {

WallTime at(int milliseconds) { return WallTime(std::chrono::milliseconds(milliseconds)); }

struct OutboxTest : testing::Test {
    Result<TempFolder> folder = TempFolder::create(testing::TempDir(), "outbox");
    Store store = Store::open(folder->path() / "device.db").value();
    Database database = Database::open(folder->path() / "device.db").value();  // another's
    Outbox outbox{database};

    Result<> tell(const std::string& type, const std::string& text = "") {
        return store.transact([&]() -> Result<> {
            TRY(store.add_event({.time = at(7), .type = type, .operation = 3, .text = text}));
            return {};
        });
    }
    std::vector<std::string> types() {
        std::vector<std::string> result;
        const auto waiting = outbox.first(1000).value();
        for (const auto& each : waiting) result.push_back(each.event.type);
        return result;
    }
};

TEST_F(OutboxTest, KeepsNothingBeforeAnybodyWantsIt) {
    ASSERT_TRUE(tell("operation.started"));
    EXPECT_TRUE(types().empty());
    store.deliver({});
    ASSERT_TRUE(tell("operation.done"));
    EXPECT_EQ(types(), std::vector<std::string>{"operation.done"});
}

TEST_F(OutboxTest, AnEventWaitsOnlyIfItsTransactionIsKept) {
    int added = 0;
    store.deliver({.on_added = [&] { ++added; }});
    EXPECT_FALSE(store.transact([&]() -> Result<> {
        TRY(store.add_event({.type = "operation.started"}));
        return fail(Errc::io, "cut");
    }));
    EXPECT_TRUE(types().empty());
    EXPECT_EQ(added, 0);
    ASSERT_TRUE(tell("operation.started"));
    EXPECT_EQ(added, 1);
    ASSERT_TRUE(store.transact([&] { return store.set_epoch(3); }));
    EXPECT_EQ(added, 1) << "nothing new to deliver";
}

TEST_F(OutboxTest, TellsWhatWasKnownOfTheOperationThen) {
    store.deliver({});
    OperationRecord record;
    record.operation = {.id = 3,
                        .title = "upgrade base nos 1.0.0 -> 1.1.0",
                        .request = {.kind = OperationKind::upgrade},
                        .state = OperationState::failed,
                        .stage = Stage::postinstall,
                        .error = make_error(Errc::timeout, "late")};
    ASSERT_TRUE(store.put_operation(record));
    ASSERT_TRUE(tell("operation.failed", "late"));
    record.operation.state = OperationState::done;
    ASSERT_TRUE(store.put_operation(record));
    const auto waiting = outbox.first(1).value().at(0);
    ASSERT_TRUE(waiting.operation);
    EXPECT_EQ(waiting.operation->request.kind, OperationKind::upgrade);
    EXPECT_EQ(waiting.operation->state, OperationState::failed);
    EXPECT_EQ(waiting.operation->error->message, "late");
    EXPECT_EQ(waiting.event.text, "late");
    EXPECT_EQ(waiting.event.time, at(7));
}

TEST_F(OutboxTest, AlarmsWaitWithTheirTextOnceForEachChange) {
    store.deliver({});
    const Alarm alarm{
        .name = "upgrade-failed", .severity = Severity::major, .text = "late", .raised = at(1)};
    ASSERT_TRUE(store.raise_alarm(alarm));
    ASSERT_TRUE(store.raise_alarm(alarm));
    ASSERT_TRUE(tell("alarm.raised", "upgrade-failed"));
    ASSERT_TRUE(store.clear_alarm("upgrade-failed", at(5)));
    ASSERT_TRUE(store.clear_alarm("upgrade-failed", at(6)));
    const auto waiting = outbox.first(10).value();
    ASSERT_EQ(types(), (std::vector<std::string>{"alarm.raised", "alarm.cleared"}));
    EXPECT_EQ(waiting.front().alarm->text, "late");
    EXPECT_EQ(waiting.front().alarm->severity, Severity::major);
    EXPECT_EQ(waiting.back().event.time, at(5));
}

TEST_F(OutboxTest, DropsTheOldestProgressAndNeverAChangeOfState) {
    store.deliver({.max_waiting = 10});
    for (int i = 0; i < 8; ++i) {
        ASSERT_TRUE(tell("operation.started", std::to_string(i)));
        ASSERT_TRUE(store.add_progress(
            {.operation = 3, .done_bytes = static_cast<std::uint64_t>(i)}, at(i)));
    }
    const auto waiting = outbox.first(100).value();
    ASSERT_EQ(waiting.size(), 10U);
    EXPECT_EQ(std::ranges::count(types(), "operation.started"), 8);
    EXPECT_EQ(waiting.back().progress->done_bytes, 7U);
    EXPECT_EQ(outbox.counts()->dropped, 6);
    for (int i = 8; i < 20; ++i) ASSERT_TRUE(tell("operation.started", std::to_string(i)));
    EXPECT_EQ(outbox.counts()->waiting, 20);
    EXPECT_EQ(outbox.counts()->dropped, 8) << "all progress there was";
}

TEST_F(OutboxTest, WhatWasDroppedIsToldOnce) {
    store.deliver({.max_waiting = 2});
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(tell("stage.started"));
    ASSERT_TRUE(outbox.tell_dropped(at(9)));
    ASSERT_TRUE(outbox.tell_dropped(at(9)));
    ASSERT_EQ(std::ranges::count(types(), "events.dropped"), 1);
    EXPECT_TRUE(outbox.first(10)->back().event.text.starts_with("3 events of progress"));
}

TEST_F(OutboxTest, ForgetsWhatHasArrivedAndNumbersNeverComeAgain) {
    store.deliver({});
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(tell("operation.started"));
    ASSERT_TRUE(outbox.forget(outbox.first(2)->back().sequence));
    ASSERT_EQ(types().size(), 1U);
    const auto last = outbox.first(1)->front().sequence;
    ASSERT_TRUE(outbox.forget(last));
    EXPECT_EQ(outbox.counts().value(), (OutboxCounts{.dropped = 0}));
    ASSERT_TRUE(tell("operation.started"));
    EXPECT_GT(outbox.first(1)->front().sequence, last);
}

TEST_F(OutboxTest, AnEventThatCannotBeReadHoldsUpNoOther) {
    store.deliver({});
    ASSERT_TRUE(tell("operation.started"));
    ASSERT_TRUE(database.query("UPDATE outbox SET document = '{\"event\":7}'"));
    ASSERT_TRUE(tell("operation.done"));
    EXPECT_EQ(types(), (std::vector<std::string>{"event.unreadable", "operation.done"}));
}

TEST_F(OutboxTest, NoTextIsTooLongForAMessage) {
    store.deliver({});
    ASSERT_TRUE(tell("operation.failed", std::string(5'000'000, 'x')));
    EXPECT_LT(outbox.first(1)->front().event.text.size(), 20'000U);
    EXPECT_EQ(store.events(1)->front().text.size(), 5'000'000U) << "the device's own is whole";
}

}  // namespace
}  // namespace cutover
