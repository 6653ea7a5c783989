#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "config/config_document.h"
#include "config/schema_view.h"

namespace cutover {

enum class FitDepth : std::uint8_t {
    names,   // whether the modules know the nodes; values as libyang reads them later
    values,  // also whether each leaf takes its value, which takes about as long as reading them
};

// Takes what the modules do not know or do not take out of `document`, after telling each of it;
// its parents are still around it then. Writes values as their types are written in JSON (5 or
// "5"), and members in the order that libyang gives them.
void fit(ConfigDocument& document, SchemaView& view, FitDepth depth,
         const std::function<void(ConfigDocument::NodeId, const std::string& why)>& tell);

}  // namespace cutover
