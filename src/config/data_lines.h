#pragma once

#include <functional>
#include <vector>

#include "config/config_document.h"
#include "config/data_upgrade.h"
#include "config/schema_view.h"

namespace cutover {

// Calls `tell` for each node of a part of `document` that is worth a line: values, entries of
// lists, and containers that say something by being there. What `skip` names is left out with all
// below it.
void each_line(const ConfigDocument& document, SchemaView& view, ConfigDocument::NodeId node,
               const std::function<bool(ConfigDocument::NodeId)>& skip,
               const std::function<void(ConfigDocument::NodeId)>& tell);

// What differs between `before` and `after`, a copy of it that was changed; by where each node of
// the copy comes from. `tell` is called in the order of `after`, then for what is gone.
struct DocumentPair {
    const ConfigDocument& before;
    SchemaView& before_view;
    const ConfigDocument& after;
    SchemaView& after_view;
};
struct ChangedNodes {
    DataChange::Kind kind = DataChange::Kind::changed;
    ConfigDocument::NodeId before = 0;  // 0 of what is added
    ConfigDocument::NodeId after = 0;   // 0 of what is removed
};
void each_change(const DocumentPair& pair, const std::function<void(const ChangedNodes&)>& tell);
// As it is told; not for many, for a path takes its time.
DataChange change_text(const DocumentPair& pair, const ChangedNodes& nodes);

// Gives the nodes of `made`, which someone else made of `from`, the origins of those in `from` that
// are at the same place.
void adopt_origins(const ConfigDocument& from, ConfigDocument& made, SchemaView& old_view,
                   SchemaView& new_view);

}  // namespace cutover
