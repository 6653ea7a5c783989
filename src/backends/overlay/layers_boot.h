#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/slot.h"
#include "platform/layer_record.h"
#include "platform/layers.h"

namespace cutover {

struct BootedLayers {
    LayerStack shown;
    bool trial = false;
    std::vector<std::string> failures;  // why it is less than what was to be shown
};

// What this boot shows on top of the base in `slot`: the trial stack while it has tries left, each
// counted before it is shown; else the committed one; else the base alone, for a device that comes
// up without its packages can be helped. `failures` is a file on the data partition, for
// read_layers_failures().
BootedLayers boot_layers(LayerRecord& record, Slot slot, const std::filesystem::path& failures,
                         const std::function<Result<>(const LayerStack&, bool trial)>& show);

// Why packages were not shown, or their trial came to nothing: in this boot and those of its trial
// before it, the oldest first.
std::vector<std::string> read_layers_failures(const std::filesystem::path& file);

}  // namespace cutover
