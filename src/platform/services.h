#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "model/device.h"

namespace cutover {

// The services of the running base. Booting starts them; this watches them.
class Services {
public:
    virtual ~Services() = default;
    virtual std::vector<ServiceStatus> status() const = 0;
};

}  // namespace cutover
