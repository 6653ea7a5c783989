#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "config/data_upgrade.h"
#include "config/yang_schema.h"

namespace cutover {

struct ValidData {
    std::string text;  // as libyang writes it, on one line; what was read, where it is invalid
    std::vector<InvalidData> invalid;
    bool invalid_untold = false;
};

// Reads what fit() left, and looks for every rule that it breaks. libyang stops at the first: what
// breaks it is taken out of a copy, until nothing does; what only broke because of that is not
// told. config.unreadable where libyang reads it otherwise than fit().
Result<ValidData> read_and_validate(const YangSchema& schema, std::string json);

}  // namespace cutover
