#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/byte_source.h"
#include "base/error.h"
#include "model/manifest.h"
#include "model/slot.h"
#include "platform/slot_store.h"

namespace cutover {

// Layers by the digests of their manifests, the lowest first: what is on top of the base.
using LayerStack = std::vector<std::string>;

// What a boot of a slot shows on top of its base. A trial is counted before it is shown, so that a
// stack that kills the device before the agent is up comes to an end by itself.
struct LayerStartup {
    LayerStack committed;  // what a boot of this slot shows when no trial is on
    std::optional<LayerStack> trial;
    int tries = 0;
    int tries_left = 0;
    bool operator==(const LayerStartup&) const = default;
};

// The paths that a package brings which is not stored yet.
struct LayerOutline {
    struct Entry {
        std::string path;  // relative to the root
        bool is_folder = false;
    };
    std::string digest;
    std::string name;  // "web 1.1.0", for messages
    std::vector<Entry> entries;
};

// The content of the packages on top of the base, and the view of base and layers that services run
// in. A view is switched in one step: whoever opens a file through it finds it either as it was or
// as it is to be. What was opened before stays what it was.
class LayerStore {
public:
    virtual ~LayerStore() = default;

    virtual Result<SlotSpace> space() const = 0;

    // Fills a layer with `content`, which must be exactly what the manifest's payload says. It is
    // whole and durable when this returns; until then, and after a failure or a cut, it is absent.
    // What is there already, and whole, is left alone and nothing of `content` is read; what is
    // damaged is written anew. What other layers hold already is not stored again. `beneath` is
    // what the layer will lie on: the programs of a `deb` payload run against it. Repeatable.
    virtual Result<> write(const std::string& digest, const Manifest& manifest, ByteSource& content,
                           const LayerStack& beneath) = 0;
    virtual Result<> erase(const std::string& digest) = 0;  // repeatable; refused while shown
    // `not_found` when there is no such layer.
    virtual Result<Manifest> manifest(const std::string& digest) const = 0;
    virtual Result<std::vector<std::string>> layers() const = 0;

    // layer.conflict where a package of `stack` would hide what belongs to `base`, as far as that
    // can be told before anything is written: what is not stored is known by its outline, or passed
    // by, and links only of the base that runs. prepare() looks again.
    virtual Result<> check(const Manifest& /*base*/, const LayerStack& /*stack*/,
                           const std::vector<LayerOutline>& /*outlines*/) {
        return {};
    }
    // Whether all that was written is there, unchanged: layer.damaged, or `not_found`. Reads it.
    virtual Result<> verify(const std::string& digest) const {
        return manifest(digest) ? Result<>()
                                : fail(Errc::not_found, "there is no layer {}", digest);
    }

    // Builds the view of `stack` on the running base, beside the one that is shown. Repeatable.
    virtual Result<> prepare(const LayerStack& stack) = 0;
    // Switches to it, at once for everybody. Prepares it when that was not done. Repeatable.
    virtual Result<> show(const LayerStack& stack) = 0;
    virtual LayerStack shown() const = 0;
    // Removes the views that nobody uses, but for the one shown and those of `keep`.
    virtual Result<> tidy(const std::vector<LayerStack>& keep) = 0;

    // The next boots of `slot`; each call is durable when it returns, and all or nothing.
    virtual Result<LayerStartup> startup(Slot slot) const = 0;
    virtual Result<> set_startup(Slot slot, const LayerStack& stack) = 0;  // ends a trial of it
    virtual Result<> start_trial(Slot slot, const LayerStack& stack, int tries) = 0;
    virtual Result<> end_trial(Slot slot) = 0;  // repeatable
};

}  // namespace cutover
