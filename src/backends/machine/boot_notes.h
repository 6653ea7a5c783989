#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/slot.h"
#include "platform/boot_control.h"

namespace cutover {

// What one boot has left behind. A boot that died before anything of ours ran leaves none.
struct BootNote {
    std::string boot_id;
    Slot slot = Slot::a;
    BootReason reason = BootReason::normal;
    std::string failure;  // empty: the agent came up
    bool operator==(const BootNote&) const = default;
};

// A file on the data partition, one line a boot, the last ones kept. A line that cannot be read is
// skipped: it may be a newer version's.
std::vector<BootNote> read_boot_notes(const std::filesystem::path& file);

// Adds the note, or replaces this boot's own. Durable.
Result<> note_boot(const std::filesystem::path& file, BootNote note);

// Why the boots before this one failed, oldest first, as far as anybody knows: Host says what this
// is. `boot_id` is this boot's.
std::vector<std::string> earlier_failures(const BootStatus& boot,
                                          const std::vector<BootNote>& notes,
                                          const std::string& boot_id);

}  // namespace cutover
