#include "config/data_lines.h"

#include <functional>
#include <libyang/libyang.h>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "config/config_document.h"
#include "config/data_upgrade.h"
#include "config/schema_view.h"

namespace cutover {
namespace {

using Kind = ConfigDocument::Kind;
using NodeId = ConfigDocument::NodeId;
using Skip = std::function<bool(NodeId)>;
using Tell = std::function<void(NodeId)>;
using TellChange = std::function<void(const ChangedNodes&)>;
using Change = DataChange::Kind;

std::string value_of(const ConfigDocument& document, NodeId node) {
    return document.is_term(node) ? std::string(document.text(node)) : std::string();
}

class Lines {
public:
    Lines(const ConfigDocument& document, const Skip& skip, const Tell& tell)
        : document_(document), skip_(skip), tell_(tell) {}

    void look(NodeId node, SchemaView& view, const lysc_node* schema) {
        if (skip_(node)) return;
        const auto& it = document_.at(node);
        if (document_.is_term(node)) {
            const bool key = schema && lysc_is_key(schema);  // told by its entry's path
            if (!key) tell_(node);
            return;
        }
        const bool entry = it.name == 0 && node != ConfigDocument::kRoot;
        if (it.kind == Kind::object && (entry || says_something(node, schema))) tell_(node);
        for (auto child = it.first; child != 0; child = document_.at(child).next) {
            const auto name = document_.at(child).name;
            const bool known = name == 0 || schema || node == ConfigDocument::kRoot;
            look(child, view, name == 0 ? schema : known ? view.child(schema, name).node : nullptr);
        }
    }

private:
    bool says_something(NodeId node, const lysc_node* schema) const {
        if (schema && schema->nodetype == LYS_CONTAINER) return (schema->flags & LYS_PRESENCE) != 0;
        return document_.at(node).first == 0 && node != ConfigDocument::kRoot;
    }

    const ConfigDocument& document_;
    const Skip& skip_;
    const Tell& tell_;
};

class Differences {
public:
    Differences(const DocumentPair& pair, const TellChange& tell)
        : pair_(pair), tell_(tell), kept_(pair.before.size(), false) {}

    void run() {
        mark(ConfigDocument::kRoot);
        look(ConfigDocument::kRoot);
        look_gone(ConfigDocument::kRoot);
    }

private:
    void mark(NodeId node) {
        kept_[pair_.after.at(node).origin] = true;
        for (auto child = pair_.after.at(node).first; child != 0;
             child = pair_.after.at(child).next)
            mark(child);
    }

    void look(NodeId node) {
        for (auto child = pair_.after.at(node).first; child != 0;
             child = pair_.after.at(child).next) {
            if (pair_.after.at(child).origin != 0) {
                look_known(child, pair_.after.at(node).origin);
                continue;
            }
            const auto known = [&](NodeId at) { return pair_.after.at(at).origin != 0; };
            each_line(pair_.after, pair_.after_view, child, known,
                      [&](NodeId at) { tell_new(at); });
            look_moved_into(child);
        }
    }

    void look_known(NodeId node, NodeId parent_origin) {
        const auto origin = pair_.after.at(node).origin;
        const auto& was = pair_.before.at(origin);
        const bool in_place = was.name == pair_.after.at(node).name && was.parent == parent_origin;
        // What is no value has no text.
        if (!in_place || pair_.before.text(origin) != pair_.after.text(node))
            tell_changed(in_place ? Change::changed : Change::moved, origin, node);
        look(node);
    }

    // Below what is new all that is new was told.
    void look_moved_into(NodeId node) {
        for (auto child = pair_.after.at(node).first; child != 0;
             child = pair_.after.at(child).next) {
            if (pair_.after.at(child).origin != 0)
                look_known(child, 0);
            else
                look_moved_into(child);
        }
    }

    void tell_new(NodeId node) { tell_({.kind = Change::added, .after = node}); }

    void look_gone(NodeId node) {
        for (auto child = pair_.before.at(node).first; child != 0;
             child = pair_.before.at(child).next) {
            if (kept_[child]) {
                look_gone(child);
                continue;
            }
            const auto kept = [&](NodeId at) { return kept_[at]; };
            each_line(pair_.before, pair_.before_view, child, kept,
                      [&](NodeId at) { tell_({.kind = Change::removed, .before = at}); });
        }
    }

    void tell_changed(Change kind, NodeId origin, NodeId node) {
        tell_({.kind = kind, .before = origin, .after = node});
    }

    const DocumentPair& pair_;
    const TellChange& tell_;
    std::vector<bool> kept_;  // by node of `before`
};

class Adoption {
public:
    Adoption(const ConfigDocument& from, ConfigDocument& made, SchemaView& old_view,
             SchemaView& new_view)
        : from_(from), made_(made), old_view_(old_view), new_view_(new_view) {}

    void match(NodeId old_node, NodeId node, const lysc_node* old_schema,
               const lysc_node* new_schema, bool is_top) {
        made_.set_origin(node, from_.at(old_node).origin);
        if (made_.at(node).kind != from_.at(old_node).kind) return;
        if (made_.at(node).kind == Kind::array)
            return match_entries(old_node, node, old_schema, new_schema);
        for (auto child = made_.at(node).first; child != 0; child = made_.at(child).next) {
            const auto name = made_.at(child).name;
            const auto was = from_.member(old_node, name);
            if (was == 0) continue;
            const auto* const before =
                is_top || old_schema ? old_view_.child(old_schema, name).node : nullptr;
            const auto* const after =
                is_top || new_schema ? new_view_.child(new_schema, name).node : nullptr;
            match(was, child, before, after, false);
        }
    }

private:
    void match_entries(NodeId old_node, NodeId node, const lysc_node* old_schema,
                       const lysc_node* new_schema) {
        auto& view = old_schema ? old_view_ : new_view_;
        const auto* const schema = old_schema ? old_schema : new_schema;
        std::unordered_map<std::string, NodeId> known;
        for (auto entry = from_.at(old_node).first; entry != 0; entry = from_.at(entry).next)
            known.emplace(view.identity(from_, schema, entry), entry);
        known.erase("");
        for (auto entry = made_.at(node).first; entry != 0; entry = made_.at(entry).next) {
            const auto was = known.find(view.identity(made_, schema, entry));
            if (was != known.end()) match(was->second, entry, old_schema, new_schema, false);
        }
    }

    const ConfigDocument& from_;
    ConfigDocument& made_;
    SchemaView& old_view_;
    SchemaView& new_view_;
};

}  // namespace

void each_line(const ConfigDocument& document, SchemaView& view, NodeId node, const Skip& skip,
               const Tell& tell) {
    Lines(document, skip, tell).look(node, view, view.schema_of(document, node));
}

void each_change(const DocumentPair& pair, const TellChange& tell) {
    Differences(pair, tell).run();
}

DataChange change_text(const DocumentPair& pair, const ChangedNodes& nodes) {
    DataChange change{.kind = nodes.kind};
    if (nodes.before != 0) {
        change.path_before = pair.before_view.path(pair.before, nodes.before);
        change.before = value_of(pair.before, nodes.before);
    }
    if (nodes.after != 0) {
        change.path_after = pair.after_view.path(pair.after, nodes.after);
        change.after = value_of(pair.after, nodes.after);
    }
    return change;
}

void adopt_origins(const ConfigDocument& from, ConfigDocument& made, SchemaView& old_view,
                   SchemaView& new_view) {
    Adoption(from, made, old_view, new_view)
        .match(ConfigDocument::kRoot, ConfigDocument::kRoot, nullptr, nullptr, true);
}

}  // namespace cutover
