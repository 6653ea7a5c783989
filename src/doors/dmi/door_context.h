#pragma once

#include <atomic>
#include <filesystem>
#include <stop_token>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "dmi/hw.pb.h"
#include "doors/dmi/feed_hub.h"
#include "model/device.h"

namespace grpc {
class ServerContext;
}

namespace cutover {

// What the services of the DMI share.
struct DoorContext {
    DoorContext(Device& managed, Log& lines, std::filesystem::path settings, int most,
                std::string bus)
        : device(managed),
          log(lines),
          folder(std::move(settings)),
          max_streams(most),
          message_bus(std::move(bus)),
          hub(managed) {}

    Device& device;
    Log& log;
    const std::filesystem::path folder;  // of what is kept over restarts
    const int max_streams;
    const std::string message_bus;  // "broker:9092" that events go to; empty: none
    FeedHub hub;
    std::stop_source ending;  // the door closes: streams end
    std::atomic<int> streams = 0;
};

// One stream of those that may be at a time; none when there are as many already. Who only listens
// leaves some free: no number of listeners keeps anybody from an upgrade.
class StreamPlace {
public:
    static constexpr int kLeftByListeners = 16;

    explicit StreamPlace(DoorContext& door, int left_free = 0) : door_(door) {
        taken_ = door_.streams.fetch_add(1) < door_.max_streams - left_free;
    }
    ~StreamPlace() { door_.streams.fetch_sub(1); }
    StreamPlace(const StreamPlace&) = delete;
    StreamPlace& operator=(const StreamPlace&) = delete;

    explicit operator bool() const { return taken_; }

private:
    DoorContext& door_;
    bool taken_ = false;
};

// Who asks, as operations and the log name it: "alice@ipv4:192.0.2.1:40312 (dmi)".
std::string asker(const grpc::ServerContext& call);

// As much of it as a UUID has: what a request brings is said back in replies.
std::string shown_uuid(const ::dmi::Uuid& uuid);

// door.dmi_unknown_device unless it is this device's; upper and lower case are the same.
Result<> check_device(Device& device, const ::dmi::Uuid& uuid);

}  // namespace cutover
