#include "platform/host.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace cutover {

Result<std::vector<std::string>> hardware_present(const Host& host) {
    auto ids = host.hardware();
    for (auto& id : TRY(host.present()))
        if (std::ranges::find(ids, id) == ids.end()) ids.push_back(std::move(id));
    return ids;
}

}  // namespace cutover
