#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "agent/agent_backups.h"
#include "agent/event_delivery.h"
#include "agent/feed.h"
#include "base/byte_pipe.h"
#include "base/clock.h"
#include "base/error.h"
#include "engine/engine.h"
#include "engine/observer.h"
#include "engine/ports.h"
#include "model/backups.h"
#include "model/device.h"
#include "platform/startup_config.h"

namespace cutover {

// A Device over the engine: one thread owns the engine and takes commands from a bounded queue;
// what others see are snapshots and the feed. Callers' threads never wait for an operation, but to
// be told its id until the journal knows it: what has an id is not forgotten.
class Agent final : public Device, private Observer {
public:
    enum class End : std::uint8_t { reboot, stopped };

    // What the engine does not need. What it refers to outlives the agent.
    struct Extras {
        std::string uuid;
        StartupConfig* startup_config = nullptr;  // null: none is kept
        Configuration* configuration = nullptr;   // null: YANG modules describe none here
        // That the store's events are delivered somewhere.
        std::optional<EventDelivery> delivery;
    };

    // Reads what the device remembers and starts the engine's thread, which first takes up what was
    // unfinished. `ports` is called with this agent as the observer.
    static Result<std::unique_ptr<Agent>> start(const std::function<Ports(Observer&)>& ports,
                                                Extras extras);
    static Result<std::unique_ptr<Agent>> start(const std::function<Ports(Observer&)>& ports) {
        return start(ports, {});
    }
    ~Agent() override;

    // Waits until the device is to restart, or stop() was called; an error is one of the journal.
    Result<End> wait();
    void stop();

    // False when the engine's thread has not said in time that it is at work: it hangs. From any
    // thread. Whoever feeds a watchdog asks this first.
    bool alive() const;

    Result<DeviceState> state() override;
    Result<Preview> preview(const Request& request) override;
    Result<OperationId> start(const Request& request) override;
    Result<OperationId> start_streamed(const Request& request,
                                       std::shared_ptr<BytePipe> package) override;
    Result<> cancel(OperationId operation) override;
    Result<Operation> operation(OperationId operation) override;
    Result<std::vector<Operation>> operations(int max_count) override;
    Result<> follow(const FollowRequest& request, const std::function<bool(const FeedItem&)>& sink,
                    std::stop_token stop) override;
    Result<std::vector<std::string>> log(const LogRequest& request) override;
    Configuration* configuration() override { return extras_.configuration; }
    Backups* backups() override { return &backups_; }
    Result<StartupConfigStatus> startup_config() override;
    Result<> update_startup_config(const std::string& url) override;
    Result<> upload_debug_info(const std::string& url, const UploadProgress& progress,
                               std::stop_token stop) override;

private:
    struct StartCommand {
        OperationId id;
        Request request;
    };
    struct PreviewCommand {
        Request request;
        std::promise<Result<Preview>> answer;
    };
    using Command = std::variant<StartCommand, PreviewCommand>;

    Agent(const std::function<Ports(Observer&)>& ports, Extras extras, std::vector<Event> events);

    // Kept until on_change() has published the state that they tell of: who hears that an operation
    // is over finds the agent free.
    void on_event(const Event& event) override { news_.push_back(event); }
    void on_progress(const Progress& progress) override;
    void on_change() override;
    void on_alive(std::chrono::milliseconds at_most) override;
    void publish();

    void work(const std::stop_token& stop);
    Result<Engine::Outcome> carry_out(Command command);
    void hear_of_configuration();
    Result<Engine::Outcome> look_around();
    Result<> look_at_delivery(const EventDelivery& delivery);
    void be_free();
    void forget_before(OperationId reset);  // with mutex_ held
    void let_come_up(std::unique_lock<std::mutex>& lock);
    Result<OperationId> enqueue(const Request& request);
    std::optional<Command> next_command(const std::stop_token& stop);
    void end(Result<Engine::Outcome> how);
    Result<DeviceState> look();
    std::optional<OperationId> answered(const Request& request) const;  // with mutex_ held
    void take_back(const Request& request);
    Request without_secrets(const Request& request);

    Ports ports_;
    Extras extras_;
    AgentBackups backups_;
    Engine engine_;
    Feed feed_;
    // Of the engine's thread:
    std::vector<Event> news_;
    SteadyTime next_health_{};
    SteadyTime next_progress_{};          // to be told to others than the feed's followers
    std::optional<bool> delivery_alarm_;  // whether it is raised

    std::atomic<SteadyTime> alive_until_;

    std::stop_source settings_stop_;    // ends what agent_settings.cpp waits for
    std::mutex upload_;                 // held by the one upload
    std::mutex startup_config_update_;  // held by the one update
    std::mutex startup_config_mutex_;   // guards the configuration

    mutable std::mutex mutex_;  // guards all below
    std::condition_variable_any wake_;
    std::shared_ptr<const DeviceState> state_;
    std::map<OperationId, Operation> operations_;
    std::vector<Alarm> alarm_history_;
    std::deque<Command> commands_;
    bool ready_ = false;           // start() of the engine is over
    bool config_changed_ = false;  // and services are to take it
    bool busy_ = true;             // a command is at work or queued
    OperationId started_ =
        0;  // the operation that is at work or queued; 0: none that start() began
    OperationId next_id_ = 1;
    OperationId forgotten_before_ = 0;  // what came before this reset
    OperationId recorded_ = 0;          // the newest operation in the journal
    std::optional<Result<End>> ended_;

    std::jthread thread_;  // last: it uses all above
};

}  // namespace cutover
