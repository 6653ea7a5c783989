#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "model/device.h"
#include "model/event.h"
#include "model/fake_configuration.h"
#include "model/generation.h"
#include "model/operation.h"

namespace cutover {

// A Device in memory, for the tests of whatever holds a Device&. It runs nos 1.1.0 in slot B with
// two packages on top, keeps nos 1.0.0 in slot A, and plays an operation through its stages: one
// beat each time a follower has read all there is. No threads and no time of its own; the same
// calls give the same answers. Safe to call from several threads.
class FakeDevice final : public Device {
public:
    enum class Story : std::uint8_t { succeeds, fails_its_trial, fails_to_install };

    FakeDevice();

    // How the operations started from now on go.
    void play(Story story);
    // Restarts of the device then break connections: followers end, and so many further attempts
    // to connect fail.
    void lose_connections_at_reboot(int failed_attempts);
    // Previews say so, and operations end as refused by it.
    void refuse_with(const Error& error);
    // Nothing moves until this many beats more are allowed; by default all are.
    void allow_beats(int count);
    // Plays what is left of the operation at work.
    void play_to_the_end();
    // Happens now; followers are told.
    void publish(std::string_view type, std::string_view text, OperationId operation = 0);
    void set_log(std::vector<std::string> lines);
    // Changes what state() shows.
    void edit(const std::function<void(DeviceState&)>& change);
    int followers() const { return followers_; }  // in follow() now
    // What the last preview() or start() was asked for.
    Request last_request() const;
    FakeConfiguration& config() { return config_; }
    void forget_configuration() { has_configuration_ = false; }  // packages bring no modules

    // A connection that breaks at a reboot; fails while the device is away. Must not outlive it.
    Result<std::unique_ptr<Device>> connect();

    Result<DeviceState> state() override;
    Result<Preview> preview(const Request& request) override;
    Result<OperationId> start(const Request& request) override;
    Result<> cancel(OperationId operation) override;
    Result<Operation> operation(OperationId operation) override;
    Result<std::vector<Operation>> operations(int max_count) override;
    Result<> follow(const FollowRequest& request, const std::function<bool(const FeedItem&)>& sink,
                    std::stop_token stop) override;
    Result<std::vector<std::string>> log(const LogRequest& request) override;
    Configuration* configuration() override { return has_configuration_ ? &config_ : nullptr; }

private:
    using Beat = std::function<void()>;

    Result<> may_start(const Request& request) const;
    Preview plan(const Request& request) const;
    void write_script(const Request& request);
    void script_install(const Request& request);
    void script_reboot(const Request& request);
    void script_fallback();
    void script_end(OperationState state);
    void answer(const Request& request);
    void commit_running();
    GenerationId target_of(const Request& request);

    void stage(Stage stage, std::chrono::milliseconds duration, std::string detail,
               StageState end = StageState::done);
    void begin_stage(Stage stage);
    void end_stage(Stage stage, StageState end, std::chrono::milliseconds duration,
                   const std::string& detail);
    void progress(std::uint64_t done);
    void reboot_into(GenerationId generation);
    void finish(OperationState state);
    void say(std::string_view type, std::string_view text, OperationId operation);
    bool play_one_beat();
    Operation& at_work() { return operations_.back(); }
    bool wanted(const FeedItem& item, const FollowRequest& request) const;

    FakeConfiguration config_;
    std::atomic<bool> has_configuration_ = true;
    mutable std::mutex mutex_;
    std::atomic<int> followers_ = 0;
    std::condition_variable_any changed_;
    DeviceState state_;
    std::vector<Operation> operations_;
    std::deque<Beat> script_;
    std::vector<FeedItem> feed_;
    std::vector<std::string> log_;
    Story story_ = Story::succeeds;
    std::optional<Error> refusal_;
    Request last_request_;
    WallTime now_;
    int beats_allowed_ = 1'000'000;
    bool breaks_connections_ = false;
    int failed_attempts_ = 0;
    int away_for_ = 0;             // attempts to connect that will still fail
    std::int64_t connection_ = 0;  // raised by each reboot that breaks connections
};

}  // namespace cutover
