#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "engine/ports.h"
#include "model/generation.h"
#include "model/service_change.h"
#include "model/slot.h"
#include "platform/layers.h"

namespace cutover {

// Raised while the base runs without the packages that boots are to show on it.
inline constexpr auto kPackagesAlarm = "packages-missing";

// The layers of a generation, the lowest first.
LayerStack layers_of(const Generation& generation);

// The base in `slot` and `layers` on it, with their manifests.
Result<PackageStack> whole_stack(const Ports& ports, Slot slot, const LayerStack& layers);

// The same without what waits for hardware.
Result<PackageStack> read_stack(const Ports& ports, Slot slot, const LayerStack& layers);

// What runs now, without what waits for hardware. Empty when the running slot holds nothing that is
// known.
Result<PackageStack> running_stack(const Ports& ports);

// The kept generation that is the base in `slot` with `layers` on it: one that a mark points to
// before others, then the newest; null when there is none.
const Generation* generation_of(const std::vector<Generation>& generations, const Marks& marks,
                                Slot slot, const LayerStack& layers);

}  // namespace cutover
