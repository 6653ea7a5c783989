#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/byte_source.h"
#include "base/error.h"
#include "model/manifest.h"
#include "model/slot.h"

namespace cutover {

struct SlotSpace {
    std::filesystem::path file_system;  // a path on it, to name in messages
    std::uint64_t available_bytes = 0;  // free, and what erasing the slot's content would free
    bool shared = true;  // by others: other slots, the agent's own files. False of a partition.
};

// Where a slot's persistent files are, and where they are as its package brought them.
struct PersistentFiles {
    std::filesystem::path folder;   // empty: there are none
    std::filesystem::path factory;  // a copy; empty where there is none
    bool from_base = false;         // a boot that finds the folder empty fills it from the base
};

// The two places for base images. The running slot cannot be opened for writing or erased: an
// implementation refuses (slot.active), whoever asks.
class SlotStore {
public:
    virtual ~SlotStore() = default;

    virtual Result<SlotSpace> space(Slot slot) const = 0;

    // Erases the slot, reserves the payload's installed_bytes (slot.no_space says what is missing),
    // and fills it with `content`, which must be exactly what the manifest's payload says (an
    // image, or the tar of a tree). All of it is durable when this returns and the slot holds the
    // package; until then, and after a failure or a cut, the slot holds nothing. Repeatable.
    virtual Result<> write(Slot slot, const Manifest& manifest, ByteSource& content) = 0;
    virtual Result<> erase(Slot slot) = 0;  // repeatable

    // What the slot holds by its own account; `not_found` when it holds nothing.
    virtual Result<Manifest> manifest(Slot slot) const = 0;

    // Copies the files at `paths` (relative; files or folders) as they are now in `from` over what
    // the package in `to` brought; where `from` has none, the package's own stays. Repeatable. `to`
    // is not the running slot.
    virtual Result<> carry_persistent(Slot from, Slot to,
                                      const std::vector<std::string>& paths) = 0;

    // Whether the slots can hold what this package brings; slot.takes_trees.
    virtual Result<> takes(const Manifest& /*manifest*/) const { return {}; }

    virtual Result<PersistentFiles> persistent(Slot /*slot*/) const { return PersistentFiles{}; }
};

}  // namespace cutover
