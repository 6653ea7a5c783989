#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"

struct sd_bus;
struct sd_bus_message;

namespace cutover {

// Whom a call goes to.
struct BusCall {
    const char* service;
    const char* path;
    const char* interface;
    const char* member;
};

// One connection to the system's D-Bus, for a handful of calls on one thread. All of them together
// have `patience`, and none more than half a minute; then they fail (systemd.silent), whatever the
// other side does.
class Bus {
public:
    // An empty address is the system bus.
    static Result<Bus> open(const std::string& address, std::chrono::milliseconds patience);

    // `fill` appends the arguments, `read` takes the answer; both may be empty, and return what
    // sd-bus returned: below 0 is an error.
    using Step = std::function<int(sd_bus_message*)>;
    Result<> call(const BusCall& to, const Step& fill, const Step& read);

    Result<std::string> text_property(const BusCall& property);
    Result<unsigned> number_property(const BusCall& property);
    Result<int> integer_property(const BusCall& property);
    Result<bool> flag_property(const BusCall& property);

    // From now on `read` takes each such signal, inside wait_for().
    Result<> on_signal(const BusCall& signal, Step read);
    // Takes signals until `done`: whether that is so. False when `until`, or the patience, is over.
    Result<bool> wait_for(const std::function<bool()>& done,
                          std::chrono::steady_clock::time_point until, const std::stop_token& stop);
    std::chrono::steady_clock::time_point deadline() const { return deadline_; }

private:
    struct Close {
        void operator()(sd_bus* bus) const;
    };
    Bus(std::unique_ptr<sd_bus, Close> bus, std::chrono::steady_clock::time_point deadline)
        : bus_(std::move(bus)), deadline_(deadline) {}
    Result<> property(const BusCall& property, const Step& read);

    std::vector<std::unique_ptr<Step>> signals_;  // the bus refers to them
    std::unique_ptr<sd_bus, Close> bus_;
    std::chrono::steady_clock::time_point deadline_;
};

}  // namespace cutover
