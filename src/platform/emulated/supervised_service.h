#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <poll.h>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "model/device.h"
#include "model/manifest.h"
#include "model/service_change.h"
#include "platform/emulated/service_log.h"
#include "platform/emulated/service_process.h"
#include "platform/emulated/service_sockets.h"
#include "platform/emulated/supervisor.h"

namespace cutover {

// One service under the supervisor: its process, the programs run after its start, and the rules by
// which it is ready, started again or given up. Belongs to the supervisor's thread, and never
// waits: serve() takes up what has happened, on_time() does what is due.
class SupervisedService {
public:
    // `hooking`: it is up, and its after_start programs run. `waiting`: it has no process, and gets
    // one at its time.
    enum class Phase : std::uint8_t {
        idle,
        starting,
        hooking,
        running,
        waiting,
        ended,
        failed,
        stopped
    };
    // Of a start: whether one that ends before it is ready may try again, as its spec says.
    enum class Attempts : std::uint8_t { many, one };

    SupervisedService(PlannedService plan, const ServicePlace& place,
                      const SupervisorOptions& options, ServiceLog& output_log, Log& log);

    // For begin(), instead of new ones where they are the same.
    void take_sockets(std::vector<HeldSocket> sockets) { inherited_ = std::move(sockets); }
    std::vector<HeldSocket> give_sockets() { return std::move(sockets_); }
    const std::vector<HeldSocket>& sockets() const { return sockets_; }

    void begin(SteadyTime now, Attempts attempts);  // may end in Phase::failed
    void add_events(std::vector<pollfd>& events) const;
    void serve(SteadyTime now);    // output, notification, ends
    void on_time(SteadyTime now);  // what is due: grace, deadline, restart, the next hook
    std::optional<SteadyTime> next_time() const;  // when on_time() has something to do

    void terminate(int signal);  // asks its whole group to end, for good
    bool has_process() const { return process_.has_value() || hook_.has_value(); }
    void fail_with(std::string why);

    const std::string& name() const { return plan_.spec.name; }
    const PlannedService& plan() const { return plan_; }
    // From now on; what runs goes on as it is.
    void set_plan(PlannedService plan) { plan_ = std::move(plan); }

    Phase phase() const { return phase_; }
    bool stopping() const { return stopping_; }
    bool ready() const { return ready_; }  // once; stays so while it is started again
    bool failed() const { return phase_ == Phase::failed; }
    int starts() const { return starts_; }  // tells one process from the next
    // The services after it in the manifest wait until it is ready.
    bool others_wait() const { return plan_.spec.ready != ReadyWhen::running; }
    const std::string& detail() const { return detail_; }
    ServiceStatus status(SteadyTime now) const;

    // For a service in Phase::running, which goes on.
    Result<> reload() const;  // sends it the signal of its plan
    Result<> run_hook(const std::vector<std::string>& command, SteadyTime now);
    bool hook_runs() const { return hook_.has_value(); }
    std::optional<Result<>> take_hook_outcome() {
        return std::exchange(hook_outcome_, std::nullopt);
    }
    void drop_hook();  // kills it; its outcome is nobody's

private:
    struct Hook {
        ServiceProcess process;
        std::string program;
        SteadyTime deadline;
        bool late = false;     // killed at its deadline
        bool dropped = false;  // killed because nobody asks for it any more
    };

    std::chrono::milliseconds start_timeout() const {
        return std::max(plan_.spec.start_timeout, options_.least_start_timeout);
    }
    std::string progress(SteadyTime now) const;
    Result<> open();
    Result<> start(SteadyTime now);
    Result<LaunchRequest> request_for(const std::vector<std::string>& command) const;
    void came_up(SteadyTime now);
    void became_ready();
    void on_end(int status, SteadyTime now);
    void after_end(int status, const std::string& said, SteadyTime now);
    void restart_later(SteadyTime now, const std::string& how);

    Result<> begin_hook(const std::vector<std::string>& command, SteadyTime deadline);
    void serve_hook();
    void go_on_with_hooks();
    void hooks_failed(const std::string& why);

    PlannedService plan_;
    const ServicePlace& place_;
    const SupervisorOptions& options_;
    ServiceLog& output_log_;
    Log& log_;
    std::vector<HeldSocket> inherited_;
    std::vector<HeldSocket> sockets_;  // held over restarts: nobody is refused meanwhile
    std::optional<NotifySocket> notify_;

    Phase phase_ = Phase::idle;
    Attempts attempts_ = Attempts::many;
    bool ready_ = false;
    bool stopping_ = false;
    std::optional<ServiceProcess> process_;
    int starts_ = 0;
    SteadyTime first_started_{};
    SteadyTime started_{};
    SteadyTime restart_at_{};
    std::deque<SteadyTime> recent_ends_;
    int restarts_ = 0;
    std::string detail_;
    std::string said_;            // of its start, by itself
    std::string killed_because_;  // we ended the process: why

    std::optional<Hook> hook_;
    std::optional<Result<>> hook_outcome_;
    std::deque<std::vector<std::string>> hooks_left_;  // of this start
    SteadyTime hooks_deadline_{};
};

}  // namespace cutover
