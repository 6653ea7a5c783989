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

#include "agent/feed.h"
#include "base/clock.h"
#include "base/error.h"
#include "engine/engine.h"
#include "engine/observer.h"
#include "engine/ports.h"
#include "model/device.h"

namespace cutover {

// A Device over the engine: one thread owns the engine and takes commands from a bounded queue;
// what others see are snapshots and the feed. Callers' threads never wait for an operation, but to
// be told its id until the journal knows it: what has an id is not forgotten.
class Agent final : public Device, private Observer {
public:
    enum class End : std::uint8_t { reboot, stopped };

    // Reads what the device remembers and starts the engine's thread, which first takes up what was
    // unfinished. `ports` is called with this agent as the observer.
    static Result<std::unique_ptr<Agent>> start(const std::function<Ports(Observer&)>& ports);
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
    Result<> cancel(OperationId operation) override;
    Result<Operation> operation(OperationId operation) override;
    Result<std::vector<Operation>> operations(int max_count) override;
    Result<> follow(const FollowRequest& request, const std::function<bool(const FeedItem&)>& sink,
                    std::stop_token stop) override;
    Result<std::vector<std::string>> log(const LogRequest& request) override;

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

    Agent(const std::function<Ports(Observer&)>& ports, std::vector<Event> events);

    // Kept until on_change() has published the state that they tell of: who hears that an operation
    // is over finds the agent free.
    void on_event(const Event& event) override { news_.push_back(event); }
    void on_progress(const Progress& progress) override { feed_.add(progress); }
    void on_change() override;
    void on_alive(std::chrono::milliseconds at_most) override;
    void publish();

    void work(const std::stop_token& stop);
    Result<Engine::Outcome> carry_out(Command command);
    Result<Engine::Outcome> look_around();
    void be_free();
    void let_come_up(std::unique_lock<std::mutex>& lock);
    Result<OperationId> enqueue(const Request& request);
    std::optional<Command> next_command(const std::stop_token& stop);
    void end(Result<Engine::Outcome> how);
    Result<DeviceState> look();
    std::optional<OperationId> answered(const Request& request) const;  // with mutex_ held

    Ports ports_;
    Engine engine_;
    Feed feed_;
    std::vector<Event> news_;   // of the engine's thread
    SteadyTime next_health_{};  // of the engine's thread

    std::atomic<SteadyTime> alive_until_;

    mutable std::mutex mutex_;  // guards all below
    std::condition_variable_any wake_;
    std::shared_ptr<const DeviceState> state_;
    std::map<OperationId, Operation> operations_;
    std::vector<Alarm> alarm_history_;
    std::deque<Command> commands_;
    bool ready_ = false;  // start() of the engine is over
    bool busy_ = true;    // a command is at work or queued
    OperationId started_ =
        0;  // the operation that is at work or queued; 0: none that start() began
    OperationId next_id_ = 1;
    OperationId recorded_ = 0;  // the newest operation in the journal
    std::optional<Result<End>> ended_;

    std::jthread thread_;  // last: it uses all above
};

}  // namespace cutover
