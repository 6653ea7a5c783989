#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/package_kind.h"
#include "model/slot.h"
#include "model/version.h"

namespace cutover {

using GenerationId = std::int64_t;  // counted from 1; 0 is none

struct PackageRef {
    PackageKind kind = PackageKind::base;
    std::string name;
    Version version;
    std::string digest;         // SHA-256 of its manifest.json: its identity
    bool side_by_side = false;  // another major version of it may be there too (side_by_side.h)
    bool operator==(const PackageRef&) const = default;
};

// The software state of a device: immutable but for what is known about it (`committed_once`,
// `kept`, `bad`).
struct Generation {
    GenerationId id = 0;
    PackageRef base;
    Slot slot = Slot::a;
    std::vector<PackageRef> packages;
    std::int64_t configuration_revision = 0;
    int update_level = 0;
    std::optional<PackageRef> pack;  // that has brought the update level
    WallTime created{};
    bool committed_once = false;
    bool kept = true;  // its slot still holds its base, so it can be booted
    bool bad = false;  // it failed a trial
    bool operator==(const Generation&) const = default;
};

struct Marks {
    GenerationId running = 0;    // what runs now
    GenerationId startup = 0;    // what the next boot uses
    GenerationId committed = 0;  // known good; where every fallback ends
    bool operator==(const Marks&) const = default;
};

enum class SlotState : std::uint8_t {
    empty,
    writing,    // neither the old content nor the new; claims nothing
    installed,  // holds `holds`, whole and durable
    bad,        // holds `holds`, and it failed a trial
};
std::string_view to_string(SlotState state);
std::optional<SlotState> slot_state_from(std::string_view name);

struct SlotStatus {
    Slot slot = Slot::a;
    SlotState state = SlotState::empty;
    std::optional<PackageRef> holds;  // set when installed or bad
    bool committed_once = false;
    bool operator==(const SlotStatus&) const = default;
};

}  // namespace cutover
