#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "model/slot.h"

namespace cutover {

// What a boot loader remembers between boots. The loader itself changes one thing in it:
// `tries_left`, before it starts a slot on trial.
struct LoaderRecord {
    std::uint32_t serial = 0;  // of two copies, the newer counts
    Slot committed = Slot::a;
    // Stays set when its tries are used up: a fallback is told by every boot until the trial is
    // ended, for the agent may die before it has noticed the first one.
    std::optional<Slot> trial;
    int tries_left = 0;
    int tries = 0;
    bool operator==(const LoaderRecord&) const = default;
};

// Boot scripts count down by a table, because most loaders cannot subtract.
inline constexpr int kMaxLoaderTries = 9;

constexpr std::string_view loader_name(Slot slot) { return slot == Slot::a ? "a" : "b"; }
std::optional<Slot> slot_from_loader_name(std::string_view name);

// The record under the names that scripts know: cutover_committed = a|b, cutover_trial = a|b|none,
// cutover_left and cutover_tries = 0 to 9. Nothing when a value is missing or makes no sense: the
// scripts refuse exactly the same records, or loader and agent would believe different copies.
using LoaderVariables = std::map<std::string, std::string, std::less<>>;
LoaderVariables to_variables(const LoaderRecord& record);
std::optional<LoaderRecord> from_variables(const LoaderVariables& variables);

// How one loader writes a record down.
class RecordFormat {
public:
    virtual ~RecordFormat() = default;
    virtual std::size_t size() const = 0;
    virtual std::string encode(const LoaderRecord& record) const = 0;  // size() bytes
    // Nothing when the loader would not accept these bytes.
    virtual std::optional<LoaderRecord> decode(std::string_view bytes) const = 0;
    // Whether the loader prefers serial `a` over `b`.
    virtual bool newer(std::uint32_t a, std::uint32_t b) const = 0;
    virtual std::uint32_t after(std::uint32_t serial) const = 0;
    virtual std::uint32_t before(std::uint32_t serial) const = 0;
};

}  // namespace cutover
