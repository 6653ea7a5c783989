#pragma once

#include "config/config_document.h"
#include "config/schema_view.h"

namespace cutover {

// What differs between `then` and `now` is made in `data`, which may have more or less than they;
// all of the schema of `view`. What is removed is removed, what is set is set; entries of lists are
// the same by their keys, and of a list that its user orders the order is taken over too.
void merge_changes(const ConfigDocument& then, const ConfigDocument& now, SchemaView& view,
                   ConfigDocument& data);

}  // namespace cutover
