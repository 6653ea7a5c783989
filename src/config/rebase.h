#pragma once

#include "base/error.h"
#include "config/config_tree.h"

namespace cutover {

// Applies to `onto` what somebody has changed from `base` to `newer`; all of one schema.
// config.conflict names the paths where `onto` is neither as it was in `base` nor as it would
// become, and the order of entries where both have changed anything: where one belongs depends on
// its neighbours. `onto` is then half done, and to be thrown away.
Result<> rebase(const ConfigTree& base, const ConfigTree& newer, ConfigTree& onto);

}  // namespace cutover
