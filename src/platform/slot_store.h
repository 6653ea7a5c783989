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
};

}  // namespace cutover
