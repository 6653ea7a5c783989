#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"

// What a factory reset takes away of files. Services would write anew what is taken from under
// them, so it goes while none runs: the order is written down, and the next boot carries it out
// before it starts anything.
namespace cutover {

enum class ResetAct : std::uint8_t {
    keep,    // paths that begin so stay, whatever the acts after it are about
    empty,   // a folder: what is in it goes, but other file systems
    remove,  // a file or a folder
    cut,     // a file: its content goes
    copy,    // `from`, which may be absent, with all in it, to where nothing is
    folder,  // is there afterwards
};

// Paths are relative to the device's folder, unless they are absolute.
struct ResetLine {
    ResetAct act = ResetAct::keep;
    std::filesystem::path path;
    std::filesystem::path from = {};
    bool operator==(const ResetLine&) const = default;
};

// Durable when it returns, whole or not at all; in place of one that was ordered before.
Result<> order_reset(const std::filesystem::path& device, const std::vector<ResetLine>& lines);

// Carries out what was ordered, before anything else runs; again after a power cut in the middle.
// What resists is noted and keeps nothing else from going, for a device must boot. No error, and
// nothing done, when nothing was ordered.
Result<> carry_out_reset(const std::filesystem::path& device);

enum class ResetState : std::uint8_t { none, ordered, carried_out };
ResetState reset_state(const std::filesystem::path& device);
// What resisted, of one that is carried out.
std::vector<std::string> reset_problems(const std::filesystem::path& device);
// As if none was ever ordered. Repeatable.
Result<> forget_reset(const std::filesystem::path& device);

}  // namespace cutover
