#pragma once

#include <string_view>

#include "base/error.h"
#include "model/operation.h"
#include "model/package_kind.h"

namespace cutover {

// What may be done with packages of a kind, and when it may take effect.
struct MatrixCell {
    bool allowed = false;
    // Of a refusal: the rule, and what to do instead.
    std::string_view rule;
    std::string_view instead;
};

// The operation matrix of seed document 000. `operation` is install, uninstall, upgrade or
// rollback; Mode::automatic is the kind's own way and is allowed where any mode is.
const MatrixCell& matrix_cell(PackageKind kind, OperationKind operation, Mode mode);

// plan.matrix with the cell's rule and remedy, where it refuses.
Result<> check_matrix(PackageKind kind, OperationKind operation, Mode mode);

}  // namespace cutover
