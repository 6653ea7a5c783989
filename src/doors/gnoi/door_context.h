#pragma once

#include <atomic>
#include <chrono>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/log.h"
#include "doors/gnoi/silence_guard.h"
#include "model/device.h"
#include "model/generation.h"

namespace grpc {
class ServerContext;
class Status;
}  // namespace grpc

namespace cutover::gnoi_door {

// What the services of gNOI share.
struct DoorContext {
    DoorContext(Device& managed, Log& lines, int most, std::chrono::milliseconds patience)
        : device(managed), log(lines), max_streams(most), silence(patience) {}

    Device& device;
    Log& log;
    const int max_streams;
    std::stop_source ending;  // the door closes: whatever waits here ends
    std::atomic<int> streams = 0;
    SilenceGuard silence;
};

// One stream of those that may be at a time; none when there are as many already.
class StreamPlace {
public:
    explicit StreamPlace(DoorContext& door) : door_(door) {
        taken_ = door_.streams.fetch_add(1) < door_.max_streams;
    }
    ~StreamPlace() { door_.streams.fetch_sub(1); }
    StreamPlace(const StreamPlace&) = delete;
    StreamPlace& operator=(const StreamPlace&) = delete;

    explicit operator bool() const { return taken_; }

private:
    DoorContext& door_;
    bool taken_ = false;
};

// Who asks, as operations and the log name it: "alice@ipv4:192.0.2.1:40312 (gnoi)".
std::string asker(const grpc::ServerContext& call);

grpc::Status too_many_streams();

// As gnoi.system and gnoi.file tell an error.
grpc::Status status_of(const Error& error);

// For replies: valid UTF-8 of a bounded length.
std::string shown(std::string_view text);

// Null when nothing is known to run.
const Generation* running_of(const DeviceState& state);

// The slot's account of a base with this version that is not the running one; null when there is
// none.
const SlotStatus* standby_with(const DeviceState& state, std::string_view version);

}  // namespace cutover::gnoi_door
