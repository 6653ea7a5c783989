#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "doors/gnoi/door_context.h"
#include "gnoi/system/system.pb.h"

namespace cutover::gnoi_door {

// The one reboot that may be pending. It is forgotten when the agent ends.
class Reboots {
public:
    explicit Reboots(DoorContext& door);
    ~Reboots();
    Reboots(const Reboots&) = delete;
    Reboots& operator=(const Reboots&) = delete;

    // Without a delay it returns when the device is about to go down.
    Result<> ask(const ::gnoi::system::RebootRequest& request, const std::string& by);
    // Its count is of all reboots that the operations that are remembered have made.
    void tell(::gnoi::system::RebootStatusResponse& reply);
    void cancel();

private:
    struct Pending {
        WallTime when{};
        SteadyTime due{};
        std::string reason;
        std::string by;
    };
    void work(const std::stop_token& stop);
    Result<> claim(const Pending& wanted);
    Result<> carry_out(const std::string& by);

    DoorContext& door_;
    SystemClock clock_;
    std::mutex mutex_;  // guards all below
    std::condition_variable_any changed_;
    std::optional<Pending> pending_;
    bool at_work_ = false;          // the device is asked to restart
    std::optional<Error> failure_;  // of the last one
    std::jthread thread_;
};

}  // namespace cutover::gnoi_door
