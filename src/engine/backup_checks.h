#pragma once

#include "engine/checks.h"
#include "model/operation.h"

namespace cutover {

CheckResult check_backup_space(const CheckContext& context);
CheckResult check_backup_hardware(const CheckContext& context);
CheckResult check_backup_device(const CheckContext& context);

}  // namespace cutover
