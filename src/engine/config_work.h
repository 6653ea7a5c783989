#pragma once

#include <string>
#include <vector>

#include "engine/checks.h"
#include "model/configuration.h"
#include "model/operation.h"
#include "model/plan.h"

// Configuration work that is open while an operation is about to change what it is about.
namespace cutover {

// Whether it starts another base at once, or other YANG modules.
bool concerns_configuration(const Plan& plan);

// What has to end before; each in words.
std::vector<std::string> open_trials(const ConfigStatus& status);
std::vector<std::string> untold_services(const ConfigStatus& status);

bool asks_config_work(const CheckContext& context);
CheckResult check_config_work(const CheckContext& context);

}  // namespace cutover
