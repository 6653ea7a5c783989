#pragma once

#include "engine/checks.h"

namespace cutover {

// Whether a package that is written says what it needs of the host ([host] of package.toml).
bool has_host_needs(const CheckContext& context);

// Of the host, by what packages say that they need of it.
CheckResult check_os(const CheckContext& context);
CheckResult check_libraries(const CheckContext& context);
CheckResult check_keys(const CheckContext& context);
CheckResult check_algorithms(const CheckContext& context);

// Of devices whose slots are versioned folders.
CheckResult check_payload(const CheckContext& context);
CheckResult check_backup(const CheckContext& context);

}  // namespace cutover
