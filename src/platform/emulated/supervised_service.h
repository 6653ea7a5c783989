#pragma once

#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/unique_fd.h"
#include "model/device.h"
#include "model/manifest.h"
#include "platform/emulated/service_log.h"
#include "platform/emulated/service_sockets.h"
#include "platform/emulated/supervisor.h"

namespace cutover {

// One service under the supervisor: its process, and the rules by which it is ready, started again
// or given up. Told by the supervisor's loop what happened; belongs to its thread.
class SupervisedService {
public:
    enum class Phase : std::uint8_t { idle, starting, running, waiting, ended, failed, stopped };

    SupervisedService(ServiceSpec spec, const ServicePlace& place, const SupervisorOptions& options,
                      Log& log);

    void begin(SteadyTime now);  // opens its sockets and starts it; may end in Phase::failed
    void on_output();
    void on_notify();
    void on_exit(SteadyTime now);
    void on_time(SteadyTime now);                 // what is due: grace, deadline, restart
    std::optional<SteadyTime> next_time() const;  // when on_time() has something to do

    void terminate(int signal);  // asks its whole group to end, for good
    bool has_process() const { return pid_ > 0; }

    bool ready() const { return ready_; }  // once; stays so while it is started again
    bool failed() const { return phase_ == Phase::failed; }
    // The services after it in the manifest wait until it is ready.
    bool others_wait() const { return spec_.ready != ReadyWhen::running; }
    std::string reason() const;  // why it failed
    ServiceStatus status() const;

    int pidfd() const { return pidfd_ ? pidfd_.get() : -1; }
    int output() const { return output_ ? output_.get() : -1; }
    int notify() const { return notify_ ? notify_->fd() : -1; }

private:
    Result<> open_sockets();
    Result<> start(SteadyTime now);
    void became_ready();
    void fail_with(std::string why);
    void after_end(int status, SteadyTime now);
    void restart_later(SteadyTime now, const std::string& how);

    ServiceSpec spec_;
    const ServicePlace& place_;
    const SupervisorOptions& options_;
    Log& log_;
    ServiceLog output_log_;
    std::vector<UniqueFd> sockets_;  // held over restarts: nobody is refused meanwhile
    std::optional<NotifySocket> notify_;

    Phase phase_ = Phase::idle;
    bool ready_ = false;
    bool stopping_ = false;
    pid_t pid_ = -1;
    UniqueFd pidfd_;
    UniqueFd output_;
    SteadyTime first_started_{};
    SteadyTime started_{};
    SteadyTime restart_at_{};
    std::deque<SteadyTime> recent_ends_;
    int restarts_ = 0;
    std::string detail_;
};

}  // namespace cutover
