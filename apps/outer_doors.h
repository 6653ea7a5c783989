#pragma once

#include <memory>

#include "access/access.h"
#include "agent_life.h"
#include "base/error.h"
#include "model/device.h"

namespace cutover {

// The doors for other machines, as device.toml asks for them and this build has them.
class OuterDoors {
public:
    // Fails for what the configuration asks for in vain. An address that is taken, or a certificate
    // that cannot be used, only leaves its door out, and is logged. `device` and `access` outlive
    // the doors.
    static Result<OuterDoors> open(Device& device, Access& access, const AgentParts& parts);

    OuterDoors(OuterDoors&&) noexcept;
    ~OuterDoors();

private:
    struct Open;
    explicit OuterDoors(std::unique_ptr<Open> open);

    std::unique_ptr<Open> open_;
};

}  // namespace cutover
