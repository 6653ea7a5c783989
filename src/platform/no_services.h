#pragma once

#include <stop_token>
#include <vector>

#include "base/error.h"
#include "model/device.h"
#include "model/service_change.h"
#include "platform/errors.h"
#include "platform/services.h"

namespace cutover {

// On a system whose services nobody can be asked about: there are none, and none can be changed.
class NoServices final : public Services {
public:
    std::vector<ServiceStatus> status() const override { return {}; }
    Result<> change(const std::vector<ServiceAction>& actions, std::stop_token /*stop*/) override {
        if (actions.empty()) return {};
        return fail(errors::service_change_failed,
                    "service {} cannot be changed: nobody runs services here",
                    actions.front().service.spec.name);
    }
};

}  // namespace cutover
