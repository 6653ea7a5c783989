#include "config/instances.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "config/config_document.h"
#include "config/data_lines.h"
#include "config/data_upgrade.h"
#include "config/errors.h"
#include "config/migration.h"
#include "config/schema_fit.h"
#include "config/schema_view.h"
#include "config/yang_schema.h"
#include "model/manifest.h"

namespace cutover {
namespace {

using NodeId = ConfigDocument::NodeId;
using NameId = ConfigDocument::NameId;
using Kind = ConfigDocument::Kind;

std::string_view module_of(std::string_view name) { return name.substr(0, name.find(':')); }

// Names with their modules, down to the leaf that binds an entry.
std::vector<std::string> names_of(const InstancesSpec& spec) {
    std::vector<std::string> names;
    std::string_view rest = spec.path;
    const auto add = [&](std::string_view name) {
        const bool whole = names.empty() || name.contains(':');
        names.push_back(whole ? std::string(name)
                              : fmt::format("{}:{}", module_of(names.back()), name));
    };
    while (rest.starts_with('/')) {
        rest.remove_prefix(1);
        const auto name = rest.substr(0, rest.find('/'));
        rest.remove_prefix(name.size());
        add(name);
    }
    add(spec.bound_by);
    return names;
}

// Calls `visit` for the entries of the list at the names' end, through all lists above it.
void each_entry(const ConfigDocument& data, NodeId node, const std::vector<NameId>& names,
                std::size_t depth, const std::function<void(NodeId)>& visit) {
    if (data.at(node).kind == Kind::array) {
        for (auto entry = data.at(node).first; entry != 0; entry = data.at(entry).next)
            each_entry(data, entry, names, depth, visit);
        return;
    }
    if (data.at(node).kind != Kind::object) return;
    if (depth == names.size()) return visit(node);
    if (const auto next = data.member(node, names[depth]); next != 0)
        each_entry(data, next, names, depth + 1, visit);
}

struct Bound {
    NodeId entry = 0;
    std::string path;
};

std::vector<Bound> bound_in(ConfigDocument& data, SchemaView& view, const InstancesSpec& spec) {
    std::vector<NameId> names;
    for (const auto& name : names_of(spec)) names.push_back(data.name(name));
    const auto leaf = names.back();
    names.pop_back();
    std::vector<Bound> bound;
    each_entry(data, ConfigDocument::kRoot, names, 0, [&](NodeId entry) {
        const auto node = data.member(entry, leaf);
        if (node != 0 && data.is_term(node) && data.text(node) == spec.value)
            bound.push_back({.entry = entry, .path = view.path(data, entry)});
    });
    return bound;
}

// The way from the top down to an entry, with both.
std::vector<NodeId> way_to(const ConfigDocument& data, NodeId entry) {
    std::vector<NodeId> way;
    for (auto node = entry; node != 0; node = data.at(node).parent) way.push_back(node);
    std::ranges::reverse(way);
    return way;
}

// Moves one instance in a document that holds nothing else but the keys of the entries it is in.
class Move {
public:
    Move(const InstancesMove& how, ConfigDocument& whole, SchemaView& view, NodeId entry,
         std::size_t most_told)
        : how_(how),
          whole_(whole),
          view_(view),
          entry_(entry),
          alone_(whole.empty_beside()),
          most_told_(most_told) {}

    Result<InstanceMoved> run() {
        const auto alone = leave_alone();
        auto after = alone_.copy();
        if (how_.migration != nullptr) TRY(migrate(after));
        const auto moved = TRY(instance_of(after, way_to(alone_, alone)));
        after.set(TRY(binding_of(after, moved)), Kind::text, how_.to.value);
        tell_changes(after);
        drop_old(after, moved);
        fit_to(after);
        if (how_.lose || result_.lost.empty()) put_back(after, moved);
        return std::move(result_);
    }

private:
    // Where the instance is in the document that it is left alone in.
    NodeId leave_alone() {
        const auto way = way_to(whole_, entry_);
        auto at = ConfigDocument::kRoot;
        for (std::size_t i = 0; i + 1 < way.size(); ++i) {
            const auto next = way[i + 1];
            const auto keys = keys_of(way[i]);
            const bool is_key_before = !keys.empty();
            NodeId inner = 0;
            // Of a list with very many entries only the one is looked at.
            for (auto child = is_key_before ? whole_.at(way[i]).first : next; child != 0;
                 child = is_key_before ? whole_.at(child).next : 0) {
                const auto name = whole_.at(child).name;
                if (child == next && next != entry_)
                    inner = alone_.add(at, name, whole_.at(child).kind);
                else if (child == next)
                    inner = alone_.add_copy(at, name, whole_, child);
                else if (std::ranges::find(keys, name) != keys.end())
                    static_cast<void>(alone_.add_copy(at, name, whole_, child));
            }
            at = inner;
        }
        return at;
    }

    // Of an entry of a list; of what is none there are none.
    std::vector<NameId> keys_of(NodeId node) {
        const auto parent = whole_.at(node).parent;
        if (parent == 0 || whole_.at(parent).kind != Kind::array) return {};
        const auto* const schema = view_.schema_of(whole_, node);
        return schema != nullptr ? view_.keys(schema) : std::vector<NameId>();
    }

    Result<> migrate(ConfigDocument& after) {
        const auto done = TRY(cutover::migrate(*how_.migration, after));
        for (const auto& [origin, why] : done.dropped)
            lose(view_.path(alone_, origin), std::string(alone_.text(origin)), why);
        return {};
    }

    // Where the instance is afterwards: where it was, with nothing new around it.
    Result<NodeId> instance_of(const ConfigDocument& after, const std::vector<NodeId>& way) {
        NodeId node = ConfigDocument::kRoot;
        for (std::size_t i = 1; i < way.size(); ++i) {
            NodeId next = 0;
            std::size_t before = 0;
            std::size_t now = 0;
            for (auto child = after.at(node).first; child != 0; child = after.at(child).next) {
                ++now;
                if (after.at(child).origin == way[i] &&
                    after.at(child).name == alone_.at(way[i]).name)
                    next = child;
            }
            for (auto child = alone_.at(way[i - 1]).first; child != 0;
                 child = alone_.at(child).next)
                ++before;
            if (next == 0 || now != before)
                return fail(errors::config_migration,
                            "the migration to {} changes what is outside of the instance",
                            how_.to_name);
            node = next;
        }
        return node;
    }

    Result<NodeId> binding_of(ConfigDocument& after, NodeId entry) const {
        const auto name = after.name(names_of(how_.to).back());
        const auto there = after.member(entry, name);
        if (there != 0 && !after.is_term(there))
            return fail(errors::config_migration, "{} is no leaf", how_.to.bound_by);
        return there != 0 ? there : after.add(entry, name, Kind::text);
    }

    void tell_changes(const ConfigDocument& after) {
        const DocumentPair pair{
            .before = alone_, .before_view = view_, .after = after, .after_view = view_};
        each_change(pair, [&](const ChangedNodes& nodes) {
            if (is_full()) return;
            auto text = change_text(pair, nodes);
            result_.changes.push_back({.path_before = std::move(text.path_before),
                                       .path_after = std::move(text.path_after),
                                       .before = std::move(text.before),
                                       .after = std::move(text.after)});
        });
    }

    // True, and counts it, when no more is told.
    bool is_full() {
        if (result_.changes.size() + result_.lost.size() < most_told_) return false;
        ++result_.untold;
        return true;
    }

    void lose(std::string path, std::string value, std::string why) {
        // The first loss is always told: it is what the refusal rests on.
        if (!result_.lost.empty() && is_full()) return;
        result_.lost.push_back(
            {.path = std::move(path), .value = std::move(value), .why = std::move(why)});
    }

    void lose_below(const ConfigDocument& after, NodeId node, const std::string& why) {
        each_line(
            after, view_, node, [](NodeId) { return false; },
            [&](NodeId at) { lose(view_.path(after, at), std::string(after.text(at)), why); });
    }

    void drop_old(ConfigDocument& after, NodeId node) {
        const auto is_old = [&](NodeId child) {
            const auto name = after.at(child).name;
            return name != 0 && std::ranges::find(how_.old_modules, after.module_of(name)) !=
                                    how_.old_modules.end();
        };
        const auto why = fmt::format("{} has no place for it", how_.to_name);
        after.unlink_if(node, [&](NodeId child) {
            if (!is_old(child)) return false;
            lose_below(after, child, why);
            return true;
        });
        for (auto child = after.at(node).first; child != 0; child = after.at(child).next)
            if (!after.is_term(child)) drop_old(after, child);
    }

    void fit_to(ConfigDocument& after) {
        fit(after, view_, FitDepth::values,
            [&](NodeId node, const std::string& why) { lose_below(after, node, why); });
    }

    void put_back(const ConfigDocument& after, NodeId moved) {
        whole_.unlink_if(entry_, [](NodeId) { return true; });
        for (auto child = after.at(moved).first; child != 0; child = after.at(child).next)
            static_cast<void>(whole_.add_copy(entry_, after.at(child).name, after, child));
    }

    const InstancesMove& how_;
    ConfigDocument& whole_;
    SchemaView& view_;
    const NodeId entry_;
    ConfigDocument alone_;
    const std::size_t most_told_;
    InstanceMoved result_;
};

}  // namespace

Result<std::vector<std::string>> instances_in(const YangSchema& schema, std::string_view data,
                                              const InstancesSpec& spec) {
    auto document = TRY(ConfigDocument::parse(data));
    SchemaView view(schema, document);
    std::vector<std::string> paths;
    for (auto& bound : bound_in(document, view, spec)) paths.push_back(std::move(bound.path));
    return paths;
}

std::string instance_path(std::string path) {
    if (!path.contains('\'')) std::ranges::replace(path, '"', '\'');
    return path;
}

MovingInstances::MovingInstances(const InstancesMove& how, ConfigDocument whole)
    : how_(&how), whole_(std::move(whole)), view_(how.schema, whole_) {}

Result<MovingInstances> MovingInstances::begin(const InstancesMove& how, std::string_view data) {
    MovingInstances moving(how, TRY(ConfigDocument::parse(data)));
    for (auto& bound : bound_in(moving.whole_, moving.view_, how.from))
        moving.bound_.emplace(std::move(bound.path), bound.entry);
    return moving;
}

Result<InstanceMoved> MovingInstances::move(const std::string& path, std::size_t most_told) {
    const auto found = bound_.find(path);
    if (found == bound_.end())
        return fail(errors::config_not_bound, "{} is not bound to {}", path, how_->from.value);
    auto moved = TRY(Move(*how_, whole_, view_, found->second, most_told).run());
    if (how_->lose || moved.lost.empty()) bound_.erase(found);
    return moved;
}

}  // namespace cutover
