// Operations that wait for configuration work that is open.

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/errors.h"
#include "engine/simulated_device.h"
#include "model/config_files.h"
#include "model/configuration.h"
#include "model/event.h"
#include "model/operation.h"
#include "platform/config_data.h"

namespace cutover {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

// What an operation sees of a configuration, and what it did to it.
class SimulatedConfig final : public ConfigData {
public:
    Result<> keep(const std::vector<ConfigText>& /*texts*/) override { return {}; }
    Result<bool> has(std::string_view /*digest*/) override { return true; }
    Result<ConfigUpgrade> examine(const ConfigFiles& /*target*/, ConfigWay /*way*/,
                                  const std::vector<ConfigText>& /*more*/) override {
        return ConfigUpgrade{};
    }
    Result<ConfigRevisionId> prepare(const ConfigFiles& /*target*/, ConfigWay /*way*/,
                                     OperationId /*operation*/, bool /*lose*/) override {
        return ConfigRevisionId{0};
    }
    Result<> use(const ConfigFiles& /*files*/, const std::string& /*boot_id*/) override {
        return {};
    }
    Result<ConfigRevisionId> set_startup(const std::string& /*document*/,
                                         const std::string& /*by*/) override {
        return ConfigRevisionId{0};
    }
    Result<std::vector<std::string>> bound(const std::string& /*line*/, bool /*startup*/) override {
        return std::vector<std::string>();
    }
    void make_read_only(std::string_view why) override { read_only = why; }
    void refuse_trials(std::string_view why) override { no_trials = why; }
    Result<ConfigStatus> status() override {
        if (when_asked) when_asked();
        return now;
    }
    Result<> end_trial(const std::string& by) override {
        ended_by = by;
        now.trial.reset();
        return {};
    }
    std::vector<std::string> take_changes() override { return {}; }
    void tell_changes(std::function<void()> /*told*/) override {}
    void set_readers(std::vector<ConfigReader> /*readers*/) override {}
    void set_waiting(std::vector<std::string> /*services*/) override {}
    void set_behind(std::vector<std::string> services) override {
        now.behind = std::move(services);
    }

    ConfigStatus now;
    std::function<void()> when_asked;
    std::string read_only;
    std::string no_trials;
    std::string ended_by;
};

class ConfigWaitTest : public testing::Test {
protected:
    ConfigWaitTest() {
        device_.configuration = &config_;
        restart();
    }

    void restart() { device_.restart_agent(); }
    void open_trial() {
        config_.now.running = 3;
        config_.now.trial = ConfigTrial{.revision = 3, .back_to = 2, .deadline = {}, .by = "alice"};
    }
    static Request upgrade() {
        Request request{.kind = OperationKind::upgrade};
        request.sources = {file_of("1.1.0")};
        return request;
    }
    // From now on, each time it is asked for what is open.
    void after_asked(int times, std::function<void()> what) {
        config_.when_asked = [times, what = std::move(what), asked = 0]() mutable {
            if (++asked == times) what();
        };
    }

    SimulatedConfig config_;
    SimulatedDevice device_;
};

TEST_F(ConfigWaitTest, AnUpgradeWaitsUntilACommitOnTrialIsDecided) {
    open_trial();
    after_asked(5, [this] {
        EXPECT_THAT(config_.no_trials, HasSubstr("is at work")) << "no other one may begin";
        EXPECT_EQ(config_.read_only, "") << "the one on trial may be confirmed";
        config_.now.trial.reset();
    });
    std::vector<std::string> shown;
    device_.when_progress = [&](const Progress& progress) { shown.push_back(progress.step); };
    const auto done = device_.operate(upgrade());
    EXPECT_EQ(done.state, OperationState::done);
    EXPECT_THAT(shown, Contains(HasSubstr("waiting: revision 3 of alice is on trial")));
    EXPECT_EQ(config_.ended_by, "") << "it was confirmed";
    EXPECT_EQ(config_.no_trials, "");
}

TEST_F(ConfigWaitTest, GivesUpWhenTheTimeIsOverAndHasChangedNothing) {
    open_trial();
    auto request = upgrade();
    request.max_wait = 3s;
    const auto begun = device_.clock.steady();
    const auto refused = device_.operate(request);
    EXPECT_EQ(refused.state, OperationState::refused);
    const auto error = refused.error.value_or(Error{});
    EXPECT_EQ(error.id, errors::operation_config_open.id);
    EXPECT_THAT(error.message, HasSubstr("revision 3 of alice"));
    EXPECT_GE(device_.clock.steady() - begun, 3s);
    EXPECT_LT(device_.clock.steady() - begun, 5s);
    EXPECT_TRUE(config_.now.trial.has_value());
    EXPECT_EQ(config_.no_trials, "");
    EXPECT_EQ(device_.running(), "1.0.0");
}

TEST_F(ConfigWaitTest, EndsACommitOnTrialWhenToldSo) {
    open_trial();
    auto request = upgrade();
    request.max_wait = 0s;
    request.end_config_work = true;
    const auto done = device_.operate(request);
    EXPECT_EQ(done.state, OperationState::done);
    EXPECT_THAT(config_.ended_by, HasSubstr("operation"));
    EXPECT_THAT(done.warnings, Contains(HasSubstr("revision 3 of alice")));
    EXPECT_EQ(device_.running(), "1.1.0");
}

TEST_F(ConfigWaitTest, WaitsForServicesOnlyWhenAskedTo) {
    config_.now.waiting = {"web"};
    config_.now.running = 4;
    EXPECT_EQ(device_.operate(upgrade()).state, OperationState::done);
    auto request = Request{.kind = OperationKind::rollback};
    request.wait_for_services = true;
    request.max_wait = 2s;
    const auto refused = device_.operate(request);
    EXPECT_THAT(refused.error.value_or(Error{}).message,
                HasSubstr("web is still to be told of revision 4"));
    EXPECT_EQ(config_.read_only, "") << "given free again";
    after_asked(6, [this] {
        EXPECT_THAT(config_.read_only, HasSubstr("is at work")) << "no commit fills it again";
        config_.now.waiting.clear();
    });
    EXPECT_EQ(device_.operate(request).state, OperationState::done);
    EXPECT_EQ(config_.read_only, "");
}

TEST_F(ConfigWaitTest, WaitingCanBeCancelledAndCut) {
    open_trial();
    device_.when_event = [this](const Event& event) {
        if (event.type == "configuration.awaited") {
            EXPECT_TRUE(device_.engine().cancel(event.operation));
        }
    };
    EXPECT_EQ(device_.operate(upgrade()).state, OperationState::cancelled);
    EXPECT_EQ(config_.no_trials, "");
    device_.when_event = [this](const Event& event) {
        if (event.type == "configuration.awaited") device_.engine().stop();
    };
    const auto id = device_.begin(upgrade());
    ASSERT_EQ(device_.outcome(), Engine::Outcome::stopped);
    device_.when_event = {};
    device_.restart_agent();
    EXPECT_TRUE(is_over(device_.operation(id).state));
    EXPECT_NE(device_.operation(id).state, OperationState::done);
    EXPECT_TRUE(config_.now.trial.has_value()) << "waiting has changed nothing";
    EXPECT_EQ(device_.running(), "1.0.0");
}

TEST_F(ConfigWaitTest, APreviewTellsWhatWouldBeWaitedFor) {
    open_trial();
    config_.now.candidates = {{.session = "bob", .made_from = 2, .touched = {}, .problem = {}}};
    const auto preview = device_.engine().preview(upgrade()).value();
    std::string detail;
    for (const auto& check : preview.checks)
        if (check.name == "config-work") detail = check.detail;
    EXPECT_THAT(detail, HasSubstr("revision 3 of alice is on trial"));
    EXPECT_THAT(detail, HasSubstr("waits up to 10.0 s, then gives up"));
    EXPECT_THAT(detail, HasSubstr("kept: the changes of bob"));
    EXPECT_TRUE(config_.now.trial.has_value());
    EXPECT_THAT(config_.ended_by, IsEmpty());
}

}  // namespace
}  // namespace cutover
