#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include <grpcpp/support/status.h>

#include "dmi/sw_image.pb.h"
#include "doors/dmi/door_context.h"
#include "model/event.h"
#include "model/operation.h"

namespace cutover {

// Tells one reader how an operation on an image goes, until it is over. It asks what state the
// operation is in whenever something has happened, and so cannot miss how it ends; the operation
// does not know of it.
class ImageFollower {
public:
    struct Reader {
        std::function<bool(const ::dmi::ImageStatus&)> write;  // false: nobody reads
        std::function<bool()> gone;
    };

    ImageFollower(DoorContext& door, OperationId operation)
        : door_(door), operation_(operation), news_(door.hub.subscribe()) {}

    grpc::Status tell(const Reader& reader);

private:
    bool send(const Reader& reader, const ::dmi::ImageStatus& status);
    void wait();

    DoorContext& door_;
    OperationId operation_;
    std::shared_ptr<FeedHub::Reader> news_;
    std::optional<Progress> progress_;
    ::dmi::ImageStatus last_;
    std::chrono::steady_clock::time_point sent_;
    bool begun_ = false;
};

}  // namespace cutover
