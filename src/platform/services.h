#pragma once

#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/device.h"

namespace cutover {

// The row of the system as a whole, from back-ends that can tell whether it has started.
inline constexpr std::string_view kSystemRow = "system";

// The services of the running base. Booting starts them; this watches them.
class Services {
public:
    virtual ~Services() = default;
    virtual std::vector<ServiceStatus> status() const = 0;
};

}  // namespace cutover
