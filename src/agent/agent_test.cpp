// The agent as others see it: from any thread, while its own thread works.

#include "agent/agent.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <semaphore>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/observer.h"
#include "engine/simulated_device.h"
#include "model/device.h"
#include "model/event.h"
#include "model/operation.h"

namespace cutover {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

// A device whose agent is started anew by every reboot, as its program would do.
class AgentTest : public testing::Test {
protected:
    AgentTest() { start(); }
    ~AgentTest() override { go_on(); }

    void start() {
        agent_ = Agent::start([&](Observer& observer) { return device_.ports(observer); }).value();
        wait_until([&] { return agent_->preview(request_of(OperationKind::reboot)).has_value(); });
    }
    void reboot() {
        ASSERT_EQ(agent_->wait().value(), Agent::End::reboot);
        agent_.reset();
        device_.boot.power_cycle([](Slot) { return true; });
        agent_ = Agent::start([&](Observer& observer) { return device_.ports(observer); }).value();
    }
    // Each wait looks at what the other thread has made true; none of them is for a time.
    static void wait_until(const std::function<bool()>& is_so) {
        while (!is_so()) std::this_thread::yield();
    }
    // The end of an operation, as a client learns it.
    Operation end_of(OperationId id) {
        wait_until([&] { return is_over(agent_->operation(id)->state); });
        return agent_->operation(id).value();
    }
    // The engine stops in the middle of writing, until go_on().
    void hold_while_writing() {
        device_.packages.before_open = [this](int) {
            held_ = true;
            gate_.acquire();
        };
    }
    void wait_until_held() {
        wait_until([&] { return held_.load(); });
    }
    void go_on() { gate_.release(1000); }

    SimulatedDevice device_;
    std::counting_semaphore<> gate_{0};
    std::atomic<bool> held_ = false;
    std::unique_ptr<Agent> agent_;  // last: its thread uses all above
};

TEST_F(AgentTest, CarriesAnUpgradeOverARebootOfTheDevice) {
    const auto id = agent_->start(upgrade_to("1.1.0")).value();
    EXPECT_EQ(agent_->operation(id)->request.kind, OperationKind::upgrade);
    reboot();
    EXPECT_EQ(end_of(id).state, OperationState::done);
    EXPECT_EQ(agent_->state()->marks.committed, 2);
    EXPECT_EQ(agent_->state()->active_slot, Slot::b);
    EXPECT_EQ(agent_->operations(1)->front().id, id);
}

TEST_F(AgentTest, IsNotAtRestWhileItHasYetToLookAtAnOpenOperation) {
    for (int i = 0; i < 10; ++i) {
        const auto id = agent_->start(upgrade_to(i % 2 == 0 ? "1.1.0" : "1.0.0")).value();
        reboot();
        const auto at_rest = !agent_->state()->current.has_value();
        EXPECT_TRUE(!at_rest || is_over(agent_->operation(id)->state));
        end_of(id);
        wait_until([&] { return agent_->preview(request_of(OperationKind::reboot)).has_value(); });
    }
}

TEST_F(AgentTest, IsAliveUntilItsThreadHangs) {
    EXPECT_TRUE(agent_->alive());
    hold_while_writing();
    const auto id = agent_->start(upgrade_to("1.1.0")).value();
    wait_until_held();
    device_.clock.pass(5min);
    EXPECT_TRUE(agent_->alive()) << "a script may take as long";
    device_.clock.pass(5min);
    EXPECT_FALSE(agent_->alive());
    go_on();
    reboot();
    EXPECT_EQ(end_of(id).state, OperationState::done);
    EXPECT_TRUE(agent_->alive());
}

TEST_F(AgentTest, IsAliveWhileItWaitsForALongTrialToBeCommitted) {
    auto request = upgrade_to("1.1.0");
    request.trial = std::chrono::minutes(60);
    const auto id = agent_->start(request).value();
    ASSERT_EQ(agent_->wait().value(), Agent::End::reboot);
    agent_.reset();
    device_.boot.power_cycle([](Slot) { return true; });
    std::atomic<const Agent*> watched = nullptr;
    std::atomic<int> looks = 0;
    std::atomic<bool> hung = false;
    device_.clock.on_sleep = [&] {
        const auto* const agent = watched.load();
        if (agent == nullptr) return;
        ++looks;
        if (!agent->alive()) hung = true;
    };
    agent_ = Agent::start([&](Observer& observer) { return device_.ports(observer); }).value();
    watched = agent_.get();
    ASSERT_EQ(agent_->wait().value(), Agent::End::reboot) << "nobody has committed it";
    EXPECT_GT(looks, 100) << "of operation " << id;
    EXPECT_FALSE(hung);
    device_.clock.on_sleep = {};
}

TEST_F(AgentTest, IsFreeForTheNextCommandAtTheMomentItAnswersOne) {
    for (int i = 0; i < 20; ++i) {
        ASSERT_TRUE(agent_->preview(install_of("1.1.0")));
        const auto id = agent_->start(install_of("1.1.0"));
        ASSERT_TRUE(id) << id.error().text();
        ASSERT_EQ(end_of(*id).state, OperationState::done);
    }
}

TEST_F(AgentTest, IsFreeForTheNextCommandWhenAFollowerIsToldOfTheEnd) {
    for (int i = 0; i < 10; ++i) {
        const auto id = agent_->start(install_of("1.1.0"));
        ASSERT_TRUE(id) << id.error().text();
        ASSERT_TRUE(agent_->follow({.operation = *id},
                                   [](const FeedItem& item) {
                                       const auto* const event = std::get_if<Event>(&item);
                                       return !event || event->type != "operation.done";
                                   },
                                   {}));
        EXPECT_EQ(agent_->operation(*id)->state, OperationState::done);
        EXPECT_EQ(agent_->state()->current, std::nullopt);
    }
}

TEST_F(AgentTest, TakesOneOperationAtATimeAndNamesTheOneAtWork) {
    hold_while_writing();
    const auto id = agent_->start(upgrade_to("1.1.0")).value();
    wait_until_held();
    const auto second = agent_->start(upgrade_to("1.2.0"));
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().id, "operation.busy");
    EXPECT_THAT(second.error().message, HasSubstr("operation 1"));
    const auto preview = agent_->preview(upgrade_to("1.2.0"));
    ASSERT_FALSE(preview);
    EXPECT_EQ(preview.error().id, "operation.busy");
    EXPECT_EQ(agent_->state()->current->id, id);
    EXPECT_TRUE(agent_->cancel(id));
    go_on();
    EXPECT_EQ(end_of(id).state, OperationState::cancelled);
}

TEST_F(AgentTest, CancelsAlsoWhatHasNotBegunYet) {
    hold_while_writing();
    const auto id = agent_->start(upgrade_to("1.1.0")).value();
    const auto cancelled = agent_->cancel(id);
    go_on();
    ASSERT_TRUE(cancelled) << cancelled.error().text();
    EXPECT_EQ(end_of(id).state, OperationState::cancelled);
}

TEST_F(AgentTest, CancelsNothingWhenNothingIsAtWork) {
    const auto cancelled = agent_->cancel(0);
    ASSERT_FALSE(cancelled);
    EXPECT_EQ(cancelled.error().id, "operation.none");
    (void)end_of(agent_->start(install_of("1.1.0")).value());
    const auto over = agent_->cancel(1);
    ASSERT_FALSE(over);
    EXPECT_EQ(over.error().id, "operation.none");
}

// An upgrade with a trial, up to where it awaits its commit; time stands still there.
class AwaitingAgentTest : public AgentTest {
protected:
    AwaitingAgentTest() {
        auto request = upgrade_to("1.1.0");
        request.trial = 10min;
        device_.clock.on_sleep = [this] {
            std::this_thread::yield();
            device_.clock.pass(-100ms);
        };
        id_ = agent_->start(request).value();
        reboot();
        wait_until(
            [&] { return agent_->operation(id_)->state == OperationState::awaiting_commit; });
    }
    OperationId id_ = 0;
};

TEST_F(AwaitingAgentTest, ACommitIsAnAnswerToTheOperationThatAwaitsIt) {
    EXPECT_EQ(agent_->start(request_of(OperationKind::commit)).value(), id_);
    EXPECT_EQ(end_of(id_).state, OperationState::done);
    EXPECT_EQ(agent_->state()->marks.committed, 2);
}

TEST_F(AwaitingAgentTest, ARollbackIsAnAnswerToo) {
    EXPECT_EQ(agent_->start(request_of(OperationKind::rollback)).value(), id_);
    reboot();
    EXPECT_EQ(end_of(id_).state, OperationState::cancelled);
    EXPECT_EQ(agent_->state()->active_slot, Slot::a);
}

TEST_F(AwaitingAgentTest, AnythingElseHasToWait) {
    const auto other = agent_->start(upgrade_to("1.2.0"));
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().id, "operation.busy");
    EXPECT_TRUE(agent_->cancel(id_));
    reboot();
    EXPECT_EQ(end_of(id_).state, OperationState::cancelled);
}

TEST_F(AgentTest, EndsItsFollowersAndCallersWhenItIsStopped) {
    auto follower = std::async(std::launch::async, [&] {
        return agent_->follow({}, [](const FeedItem&) { return true; }, {});
    });
    agent_->stop();
    EXPECT_EQ(agent_->wait().value(), Agent::End::stopped);
    const auto followed = follower.get();
    ASSERT_FALSE(followed);
    EXPECT_EQ(followed.error().id, "agent.ending");
    EXPECT_EQ(agent_->start(upgrade_to("1.1.0")).error().id, "agent.ending");
    EXPECT_EQ(agent_->preview(upgrade_to("1.1.0")).error().id, "agent.ending");
    EXPECT_TRUE(agent_->state()) << "what was last known can still be asked";
}

TEST_F(AgentTest, AnswersAPreviewThatItsEndOvertakes) {
    hold_while_writing();
    auto preview =
        std::async(std::launch::async, [&] { return agent_->preview(upgrade_to("1.1.0")); });
    wait_until_held();
    agent_->stop();
    go_on();
    EXPECT_FALSE(preview.get());
    EXPECT_TRUE(agent_->wait());
}

TEST_F(AgentTest, TellsStateEventsAndLogsFromSeveralThreadsWhileItWorks) {
    std::vector<std::jthread> readers;
    std::atomic<int> events = 0;
    for (int i = 0; i < 3; ++i)
        readers.emplace_back([&](const std::stop_token& stop) {
            while (!stop.stop_requested()) {
                EXPECT_TRUE(agent_->state());
                EXPECT_TRUE(agent_->operations(5));
                EXPECT_TRUE(agent_->log({.source = LogSource::alarm_history}));
            }
        });
    readers.emplace_back([&](const std::stop_token& stop) {
        (void)agent_->follow({}, [&](const FeedItem&) { return ++events > 0; }, stop);
    });
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(end_of(agent_->start(install_of("1.1.0")).value()).state, OperationState::done);
    for (auto& reader : readers) reader.request_stop();
    readers.clear();
    EXPECT_GT(events, 10);
}

TEST_F(AgentTest, GivesTheLogOfAnOperationAndTheStatusFile) {
    const auto id = agent_->start(install_of("1.1.0")).value();
    (void)end_of(id);
    const auto log = agent_->log({.source = LogSource::operation, .operation = id}).value();
    EXPECT_THAT(log, testing::Contains(HasSubstr("write nos 1.1.0 to slot B")));
    const auto status = agent_->log({.source = LogSource::status_file, .max_lines = 1}).value();
    ASSERT_EQ(status.size(), 1U);
    EXPECT_THAT(status.front(), HasSubstr("install ended successfully"));
    EXPECT_TRUE(agent_->log({.source = LogSource::operation, .operation = 99})->empty());
}

TEST_F(AgentTest, TellsTheHistoryOfAlarms) {
    device_.add_script("stages/prep/10-bad", "exit 1\n");
    (void)end_of(agent_->start(upgrade_to("1.1.0")).value());
    const auto alarms = agent_->log({.source = LogSource::alarm_history}).value();
    ASSERT_EQ(alarms.size(), 1U);
    EXPECT_THAT(alarms.front(), HasSubstr("major upgrade-failed upgrade base nos 1.0.0 -> 1.1.0"));
    EXPECT_EQ(agent_->state()->alarms.size(), 1U);
}

TEST_F(AgentTest, KnowsNoOperationThatThereIsNot) {
    const auto unknown = agent_->operation(42);
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().id, "operation.unknown");
}

}  // namespace
}  // namespace cutover
