#include "config/rebase.h"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "config/config_tree.h"
#include "config/errors.h"
#include "model/configuration.h"

namespace cutover {
namespace {

constexpr std::size_t kNamed = 5;  // conflicts

using Kind = ConfigChange::Kind;

// The value of a leaf that is set, "" of what has none, nothing where nothing is.
std::optional<std::string> set_at(const ConfigTree& tree, const std::string& path) {
    if (!tree.holds(path)) return std::nullopt;
    return tree.value(path).value_or("");
}

std::string in_words(const std::optional<std::string>& value) {
    if (!value) return "is gone";
    return value->empty() ? "is there" : fmt::format("is \"{}\"", *value);
}

// Whether the others have left alone what is changed here, or have done the same.
bool agrees(const ConfigChange& change, const std::optional<std::string>& theirs) {
    switch (change.kind) {
        case Kind::added: return !theirs || *theirs == change.after;
        case Kind::removed: return !theirs || *theirs == change.before;
        case Kind::changed: return theirs && (*theirs == change.before || *theirs == change.after);
        case Kind::moved: return theirs.has_value();
    }
    return false;
}

// The one change, made to `onto`.
Result<> make(const ConfigChange& change, ConfigTree& onto) {
    if (change.kind != Kind::removed) return onto.set(change.path, change.after);
    // It may have gone with what it was in.
    return onto.holds(change.path) ? onto.erase(change.path) : Result<>();
}

}  // namespace

Result<> rebase(const ConfigTree& base, const ConfigTree& newer, ConfigTree& onto) {
    const auto changes = TRY(base.changes_to(newer));
    const bool alone = TRY(base.changes_to(onto)).empty();
    std::vector<std::string> conflicts;
    for (const auto& change : changes) {
        const auto theirs = set_at(onto, change.path);
        if (!agrees(change, theirs))
            conflicts.push_back(fmt::format("{} {}", change.path, in_words(theirs)));
        else if (change.kind != Kind::removed && newer.has_order(change.path) && !alone)
            conflicts.push_back(fmt::format("{} has a place in an order", change.path));
    }
    if (alone && conflicts.empty()) {
        onto = newer.copy();
        return {};
    }
    if (conflicts.empty()) {
        for (const auto& change : changes) TRY(make(change, onto), "carry over {}", change.path);
        return {};
    }
    std::string all;
    for (std::size_t i = 0; i < conflicts.size() && i < kNamed; ++i)
        all += (i == 0 ? "" : "; ") + conflicts[i];
    if (conflicts.size() > kNamed) all += fmt::format("; and {} more", conflicts.size() - kNamed);
    return fail(errors::config_conflict, "{}", all);
}

}  // namespace cutover
