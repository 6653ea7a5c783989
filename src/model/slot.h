#pragma once

#include <cstdint>
#include <string_view>

namespace cutover {

// A place for one base image. Two per device; one is active (it runs), the other is standby.
enum class Slot : std::uint8_t { a, b };

constexpr Slot other(Slot slot) { return slot == Slot::a ? Slot::b : Slot::a; }
constexpr std::string_view to_string(Slot slot) { return slot == Slot::a ? "A" : "B"; }

}  // namespace cutover
