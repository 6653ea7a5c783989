// Door and client over a real socket, with a FakeDevice behind.

#include "doors/client/remote_device.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <semaphore>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "doors/native/native_door.h"
#include "model/backups.h"
#include "model/device.h"
#include "model/event.h"
#include "model/fake_device.h"
#include "model/operation.h"

namespace cutover {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::minutes kLong{1};

class RemoteDeviceTest : public testing::Test {
protected:
    RemoteDeviceTest()
        : folder_(*TempFolder::create(std::filesystem::temp_directory_path(), "door")) {}

    void open(NativeDoor::Options options = {}) {
        options.socket = folder_.path() / "cutover.sock";
        options.shutdown_timeout = milliseconds(200);
        auto door = NativeDoor::start(fake_, options);
        ASSERT_TRUE(door) << door.error().text();
        door_ = *std::move(door);
    }
    std::unique_ptr<Device> client() {
        return *RemoteDevice::connect(folder_.path() / "cutover.sock");
    }

    TempFolder folder_;
    FakeDevice fake_;
    std::unique_ptr<NativeDoor> door_;
};

Request upgrade() { return {.kind = OperationKind::upgrade, .sources = {"/nos-1.2.0.cc"}}; }

TEST_F(RemoteDeviceTest, AnswersAsTheDeviceBehindItDoes) {
    open();
    const auto remote = client();
    EXPECT_EQ(*remote->state(), *fake_.state());
    EXPECT_EQ(*remote->preview(upgrade()), *fake_.preview(upgrade()));
    const auto id = remote->start(upgrade());
    ASSERT_TRUE(id);
    EXPECT_EQ(fake_.last_request().asked_by, "local") << "filled in by the door";
    EXPECT_EQ(*remote->operation(*id), *fake_.operation(*id));
    EXPECT_TRUE(remote->cancel(*id));
    fake_.play_to_the_end();
    EXPECT_EQ(remote->operation(*id)->state, OperationState::cancelled);
    EXPECT_EQ(*remote->operations(10), *fake_.operations(10));
    fake_.set_log({"one", "two"});
    EXPECT_EQ(*remote->log({.max_lines = 1}), std::vector<std::string>{"two"});
}

TEST_F(RemoteDeviceTest, AsksForARestoreByTheCallThatIsForAdminsOnly) {
    open();
    const auto remote = client();
    const auto id = remote->start({.kind = OperationKind::restore, .sources = {"/one.backup"}});
    ASSERT_TRUE(id) << id.error().text();
    EXPECT_EQ(fake_.last_request().kind, OperationKind::restore);
    EXPECT_EQ(fake_.last_request().sources, std::vector<std::string>{"/one.backup"});
    const auto none = remote->backups()->list();
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().kind, Errc::unsupported) << "this device keeps none";
}

TEST_F(RemoteDeviceTest, BringsErrorsBackWhole) {
    open();
    const Error refusal{.kind = Errc::no_space,
                        .id = "slot.no_space",
                        .message = "34 MB are missing in slot Ä",
                        .cause = std::string(3000, 'c'),
                        .remedy = "free them"};
    fake_.refuse_with(refusal);
    const auto remote = client();
    const auto id = remote->start(upgrade());
    ASSERT_TRUE(id);
    fake_.play_to_the_end();
    const auto refused = remote->operation(*id);
    ASSERT_TRUE(refused) << refused.error().text();
    EXPECT_EQ(refused->state, OperationState::refused);
    EXPECT_EQ(refused->error, refusal);
    ASSERT_TRUE(remote->start(upgrade()));
    const auto second = remote->start(upgrade());
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error(), fake_.start(upgrade()).error()) << "every field of it";
    const auto unknown = remote->operation(4711);
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().kind, Errc::not_found);
}

TEST_F(RemoteDeviceTest, SaysThatNobodyAnswersAndWhatToDo) {
    const auto remote = client();
    const auto state = remote->state();
    ASSERT_FALSE(state);
    EXPECT_EQ(state.error().kind, Errc::unavailable);
    EXPECT_EQ(state.error().id, "agent.unreachable");
    EXPECT_NE(state.error().message.find("cutover.sock"), std::string::npos);
    EXPECT_FALSE(state.error().remedy.empty());

    open();
    EXPECT_TRUE(client()->state()) << "an agent that started since is reached";
    const auto nowhere = RemoteDevice::connect(folder_.path() / std::string(120, 'x') / "sock");
    ASSERT_FALSE(nowhere);
    EXPECT_EQ(nowhere.error().id, "agent.unreachable");
}

TEST_F(RemoteDeviceTest, FollowsAnOperationToItsEnd) {
    open();
    const auto remote = client();
    const auto id = *remote->start(upgrade());
    std::vector<std::int64_t> sequences;
    int progress = 0;
    const auto followed =
        remote->follow({.after_sequence = 100, .operation = id},
                       [&](const FeedItem& item) {
                           if (std::holds_alternative<Progress>(item)) ++progress;
                           const auto* event = std::get_if<Event>(&item);
                           if (event != nullptr) sequences.push_back(event->sequence);
                           return event == nullptr || event->type != "operation.ended";
                       },
                       {});
    EXPECT_TRUE(followed) << followed.error().text();
    ASSERT_GT(sequences.size(), 5);
    for (std::size_t i = 0; i < sequences.size(); ++i)
        EXPECT_EQ(sequences[i], 101 + static_cast<std::int64_t>(i)) << "all, and in order";
    EXPECT_GT(progress, 0);
    EXPECT_EQ(remote->operation(id)->state, OperationState::done);
}

TEST_F(RemoteDeviceTest, StopsFollowingWhenAskedTo) {
    open();
    const auto remote = client();
    fake_.publish("test", "first");
    std::stop_source stop;
    const auto followed = remote->follow(
        {.after_sequence = 100},
        [&](const FeedItem& /*item*/) {
            stop.request_stop();  // and no further item comes
            return true;
        },
        stop.get_token());
    EXPECT_TRUE(followed);
}

TEST_F(RemoteDeviceTest, EndsFollowersWhenTheDoorCloses) {
    open();
    const auto remote = client();
    fake_.publish("test", "first");
    std::binary_semaphore reading(0);
    Result<> followed;
    std::jthread follower([&] {
        followed = remote->follow({.after_sequence = 100},
                                  [&](const FeedItem& /*item*/) {
                                      reading.release();
                                      return true;
                                  },
                                  {});
    });
    ASSERT_TRUE(reading.try_acquire_for(kLong));
    door_.reset();
    follower.join();
    ASSERT_FALSE(followed);
    EXPECT_EQ(followed.error().kind, Errc::unavailable);
    EXPECT_FALSE(std::filesystem::exists(folder_.path() / "cutover.sock"));
}

TEST_F(RemoteDeviceTest, TellsASlowFollowerWhereToResumeAndHoldsNobodyElseUp) {
    open({.max_queued_events = 16, .follower_patience = milliseconds(5)});
    const auto slow = client();
    const auto quick = client();
    // Far more than socket buffers hold, so that the door has to wait for its reader.
    const std::string text(4096, 't');
    std::binary_semaphore reading(0);
    std::binary_semaphore may_go_on(0);
    std::int64_t last = 100;
    Result<> followed;
    std::jthread follower([&] {
        followed = slow->follow({.after_sequence = 100},
                                [&](const FeedItem& item) {
                                    if (last == 100) {
                                        reading.release();
                                        may_go_on.acquire();
                                    }
                                    EXPECT_EQ(std::get<Event>(item).sequence, last + 1)
                                        << "nothing is left out";
                                    last = std::get<Event>(item).sequence;
                                    return true;
                                },
                                {});
    });
    fake_.publish("test", text);
    ASSERT_TRUE(reading.try_acquire_for(kLong));
    for (int i = 0; i < 4000; ++i) fake_.publish("test", text);
    // While the slow one sleeps, another reads all there is; on a busy machine it may be too slow
    // at times, and then does what it is told.
    std::int64_t seen = 100;
    while (seen < 4101) {
        const auto read = quick->follow({.after_sequence = seen},
                                        [&](const FeedItem& item) {
                                            EXPECT_EQ(std::get<Event>(item).sequence, seen + 1);
                                            seen = std::get<Event>(item).sequence;
                                            return seen < 4101;
                                        },
                                        {});
        if (!read) {
            ASSERT_EQ(read.error().id, "door.follower_too_slow");
        }
    }
    const auto deadline = std::chrono::steady_clock::now() + kLong;
    while (fake_.followers() > 0 && std::chrono::steady_clock::now() < deadline)
        std::this_thread::yield();
    ASSERT_EQ(fake_.followers(), 0) << "the device feeds the slow one no more";
    may_go_on.release();
    follower.join();
    ASSERT_FALSE(followed);
    EXPECT_EQ(followed.error().id, "door.follower_too_slow");
    EXPECT_EQ(followed.error().message, fmt::format("resume after event {}", last));
    EXPECT_LT(last, 4100) << "it was cut off";
}

TEST_F(RemoteDeviceTest, BoundsHowManyFollow) {
    open({.max_followers = 1});
    const auto first = client();
    const auto second = client();
    fake_.publish("test", "one");
    std::binary_semaphore reading(0);
    std::stop_source stop;
    std::jthread follower([&] {
        (void)first->follow(
            {.after_sequence = 100},
            [&](const FeedItem& /*item*/) {
                reading.release();
                return true;
            },
            stop.get_token());
    });
    ASSERT_TRUE(reading.try_acquire_for(kLong));
    const auto refused =
        second->follow({.after_sequence = 100}, [](const FeedItem&) { return false; }, {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().id, "door.too_many_followers");
    EXPECT_TRUE(second->state()) << "other calls go on";
    stop.request_stop();
}

TEST_F(RemoteDeviceTest, RefusesASecondDoorOnTheSameSocket) {
    open();
    FakeDevice other;
    const auto second = NativeDoor::start(other, {.socket = folder_.path() / "cutover.sock"});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().id, "door.socket_in_use");
    EXPECT_TRUE(client()->state());
}

}  // namespace
}  // namespace cutover
