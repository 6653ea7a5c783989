#pragma once

#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/device.h"
#include "model/service_change.h"

namespace cutover {

// The row of the system as a whole, from back-ends that can tell whether it has started.
inline constexpr std::string_view kSystemRow = "system";

// The services of what runs: base and packages on top. Booting starts them; this watches them, and
// takes them from one view to the next.
class Services {
public:
    virtual ~Services() = default;
    virtual std::vector<ServiceStatus> status() const = 0;

    // What a boot has started and is not ready yet, though its deadline has not passed: in words,
    // with how long it takes; empty when there is none.
    virtual std::string starting() const { return {}; }

    // Carries the actions out, in their order, on the view that is shown now; each has ended when
    // the next one begins. The first that fails ends it (service.change_failed names the service
    // and why); those after it are not begun. Repeatable: what is so already is left alone, but
    // for reloads and hooks. An action takes no longer than the service's start timeout and the
    // time that the old process is given to end.
    virtual Result<> change(const std::vector<ServiceAction>& actions, std::stop_token stop) = 0;
};

}  // namespace cutover
