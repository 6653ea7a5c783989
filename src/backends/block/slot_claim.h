#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "backends/block/partition.h"
#include "base/error.h"
#include "crypto/digest.h"
#include "model/manifest.h"
#include "model/slot.h"

namespace cutover {

// What ties a claim to a partition: cheap to read, and another for every other content.
struct ContentEnds {
    Digest head;  // of the first MiB, or of all when there is less
    Digest tail;  // of the last MiB
    bool operator==(const ContentEnds&) const = default;
};

Result<ContentEnds> read_ends(const Partition& partition, std::uint64_t content_bytes);

// What a slot holds, by our own account: a file on the data partition, `a.json` or `b.json`. A
// partition that somebody wrote since does not fit it, and is not believed.
struct SlotClaim {
    Manifest manifest;
    Digest content;  // of all of it, as it was read back
    ContentEnds ends;
};

std::filesystem::path claim_file(const std::filesystem::path& folder, Slot slot);
char letter(Slot slot);  // 'a' or 'b', as in file names and on the kernel command line

// `not_found` when there is none.
Result<SlotClaim> read_claim(const std::filesystem::path& folder, Slot slot);
Result<> write_claim(const std::filesystem::path& folder, Slot slot, const SlotClaim& claim);
Result<> remove_claim(const std::filesystem::path& folder, Slot slot);  // repeatable

}  // namespace cutover
