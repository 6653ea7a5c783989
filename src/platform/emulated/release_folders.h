#pragma once

#include <filesystem>
#include <string>

#include "base/error.h"
#include "model/manifest.h"
#include "model/slot.h"

namespace cutover {

// Where the content of a slot lies, of a device whose slots are versioned folders:
//
//     releases/nos-1.0.0/   one folder for each base; "nos-1.1.0@B" where the other slot has it too
//     slots/A               a link, ../releases/nos-1.0.0: which of them is slot A
//     current               a link, releases/nos-1.0.0/root: what runs, for people and their
//     scripts
//
// A link is replaced by rename(2), so it is the old or the new one at any time. One that leads
// anywhere else than to a folder right below releases/ is no slot's, and is not followed.
class ReleaseFolders {
public:
    explicit ReleaseFolders(std::filesystem::path device) : device_(std::move(device)) {}

    std::filesystem::path all() const { return device_ / "releases"; }
    // Where the slot's content is; a path that does not exist when the slot has none.
    std::filesystem::path folder(Slot slot) const;

    // A folder for what the slot is to hold, whose former one is gone: it does not exist yet.
    Result<> assign(Slot slot, const Manifest& manifest) const;
    Result<> forget(Slot slot) const;  // the link; repeatable

    // `current` leads to what the slot holds, durably. Repeatable.
    Result<> show(Slot slot) const;

private:
    std::filesystem::path link(Slot slot) const { return device_ / "slots" / to_string(slot); }
    std::string name_in(Slot slot) const;

    std::filesystem::path device_;
};

}  // namespace cutover
