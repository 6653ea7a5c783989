#include "engine/stack.h"

#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/ports.h"
#include "model/generation.h"
#include "model/service_change.h"
#include "model/slot.h"
#include "platform/layers.h"

namespace cutover {

LayerStack layers_of(const Generation& generation) {
    LayerStack layers;
    for (const auto& package : generation.packages) layers.push_back(package.digest);
    return layers;
}

Result<PackageStack> whole_stack(const Ports& ports, Slot slot, const LayerStack& layers) {
    PackageStack stack;
    // The base's own identity does not matter here: it does not change while it runs.
    stack.push_back({.digest = {}, .manifest = TRY(ports.slots.manifest(slot))});
    for (const auto& digest : layers)
        stack.push_back({.digest = digest, .manifest = TRY(ports.layers.manifest(digest))});
    return stack;
}

Result<PackageStack> read_stack(const Ports& ports, Slot slot, const LayerStack& layers) {
    return awake(TRY(whole_stack(ports, slot, layers)), ports.present);
}

Result<PackageStack> running_stack(const Ports& ports) {
    auto stack = read_stack(ports, TRY(ports.boot.status()).running, ports.layers.shown());
    if (!stack && stack.error().kind == Errc::not_found) return PackageStack{};
    return stack;
}

const Generation* generation_of(const std::vector<Generation>& generations, const Marks& marks,
                                Slot slot, const LayerStack& layers) {
    const auto rank = [&](const Generation& generation) {
        if (generation.id == marks.startup) return 3;
        if (generation.id == marks.running) return 2;
        return generation.id == marks.committed ? 1 : 0;
    };
    const Generation* found = nullptr;
    for (const auto& generation : generations) {
        const bool fits =
            generation.kept && generation.slot == slot && layers_of(generation) == layers;
        if (fits && (!found || rank(generation) >= rank(*found))) found = &generation;
    }
    return found;
}

}  // namespace cutover
