#include "config/change_merge.h"

#include <algorithm>
#include <cstddef>
#include <libyang/libyang.h>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "config/config_document.h"
#include "config/schema_view.h"

namespace cutover {
namespace {

using Kind = ConfigDocument::Kind;
using NodeId = ConfigDocument::NodeId;

// As deep as the documents, which is bounded.
class Merge {
public:
    Merge(const ConfigDocument& then, const ConfigDocument& now, SchemaView& view,
          ConfigDocument& data)
        : then_(then), now_(now), view_(view), data_(data) {}

    void objects(NodeId then, NodeId now, NodeId data, const lysc_node* parent) {
        data_.unlink_if(data, [&](NodeId member) {
            const auto name = data_.at(member).name;
            const auto was = then_.member(then, name);
            return was != 0 && now_.member(now, name) == 0 &&
                   emptied(was, member, view_.child(parent, name).node);
        });
        for (auto child = now_.at(now).first; child != 0; child = now_.at(child).next) {
            const auto name = now_.at(child).name;
            const auto was = then_.member(then, name);
            const auto own = data_.member(data, name);
            const auto* const schema = view_.child(parent, name).node;
            if (was != 0 && then_.write(was) == now_.write(child)) continue;
            if (was == 0 || then_.at(was).kind != now_.at(child).kind || now_.is_term(child) ||
                !schema || (schema->nodetype & LYD_NODE_ANY) != 0) {
                take_over(child, own, data);
                continue;
            }
            const auto kind = now_.at(child).kind;
            const auto mine = own != 0 ? own : data_.add(data, name, kind);
            if (data_.at(mine).kind != kind)
                take_over(child, mine, data);
            else if (kind == Kind::object)
                objects(was, child, mine, schema);
            else
                entries(was, child, mine, schema);
        }
    }

private:
    using Entries = std::unordered_map<std::string, NodeId>;

    // Takes out of the data what was there then, and is not now; true when nothing is left.
    bool emptied(NodeId then, NodeId data, const lysc_node* schema) {
        const auto kind = data_.at(data).kind;
        const bool other = !schema || kind != then_.at(then).kind || data_.is_term(data);
        if (other || (schema->nodetype & LYD_NODE_ANY) != 0) return true;
        if (kind == Kind::array) {
            const auto before = entries_of(then_, then, schema);
            data_.unlink_if(data, [&](NodeId entry) {
                return before.contains(view_.identity(data_, schema, entry));
            });
        } else {
            if ((schema->flags & LYS_PRESENCE) != 0) return true;
            data_.unlink_if(data, [&](NodeId member) {
                const auto name = data_.at(member).name;
                const auto was = then_.member(then, name);
                return was != 0 && emptied(was, member, view_.child(schema, name).node);
            });
        }
        return data_.at(data).first == 0;
    }

    // All of it, in the place of what is there. What is in lists and only there stays.
    void take_over(NodeId now, NodeId own, NodeId parent) {
        const auto name = now_.at(now).name;
        if (own == 0) {
            data_.add_copy(parent, name, now_, now);
        } else if (now_.is_term(now) && data_.is_term(own) && now_.at(now).kind != Kind::array) {
            data_.set(own, now_.at(now).kind, now_.text(now));
        } else if (now_.at(now).kind == Kind::object && data_.at(own).kind == Kind::object) {
            for (auto child = now_.at(now).first; child != 0; child = now_.at(child).next)
                take_over(child, data_.member(own, now_.at(child).name), own);
        } else {
            data_.unlink(own);
            data_.add_copy(parent, name, now_, now);
        }
    }

    Entries entries_of(const ConfigDocument& document, NodeId array, const lysc_node* schema) {
        Entries entries;
        for (auto at = document.at(array).first; at != 0; at = document.at(at).next)
            entries.emplace(view_.identity(document, schema, at), at);
        return entries;
    }

    static NodeId find(const Entries& entries, const std::string& identity) {
        const auto found = entries.find(identity);
        return found == entries.end() ? 0 : found->second;
    }

    void remove_gone(const Entries& before, const Entries& after, NodeId data,
                     const lysc_node* schema) {
        data_.unlink_if(data, [&](NodeId entry) {
            const auto identity = view_.identity(data_, schema, entry);
            return before.contains(identity) && !after.contains(identity);
        });
    }

    void entries(NodeId then, NodeId now, NodeId data, const lysc_node* schema) {
        const auto before = entries_of(then_, then, schema);
        remove_gone(before, entries_of(now_, now, schema), data, schema);
        const auto mine = entries_of(data_, data, schema);
        for (auto entry = now_.at(now).first; entry != 0; entry = now_.at(entry).next) {
            const auto identity = view_.identity(now_, schema, entry);
            const auto was = find(before, identity);
            const auto own = find(mine, identity);
            if (own == 0) {
                // One that was there then, and has been dropped from the old data, stays dropped.
                if (was == 0) data_.add_copy(data, 0, now_, entry);
            } else if (now_.at(entry).kind == Kind::object) {
                if (was != 0)
                    objects(was, entry, own, schema);
                else
                    take_over(entry, own, data);
            }
        }
        if ((schema->flags & LYS_ORDBY_USER) != 0) order(now, data, schema);
    }

    // Entries that only the data have come last.
    void order(NodeId now, NodeId data, const lysc_node* schema) {
        std::unordered_map<std::string, std::size_t> places;
        for (auto at = now_.at(now).first; at != 0; at = now_.at(at).next)
            places.emplace(view_.identity(now_, schema, at), places.size());
        std::vector<std::pair<std::size_t, NodeId>> sorted;
        for (auto at = data_.at(data).first; at != 0; at = data_.at(at).next) {
            const auto place = places.find(view_.identity(data_, schema, at));
            sorted.emplace_back(place == places.end() ? places.size() : place->second, at);
        }
        std::ranges::stable_sort(sorted, {}, &std::pair<std::size_t, NodeId>::first);
        data_.unlink_if(data, [](NodeId) { return true; });
        for (const auto& [place, entry] : sorted) data_.move(entry, data, 0);
    }

    const ConfigDocument& then_;
    const ConfigDocument& now_;
    SchemaView& view_;
    ConfigDocument& data_;
};

}  // namespace

void merge_changes(const ConfigDocument& then, const ConfigDocument& now, SchemaView& view,
                   ConfigDocument& data) {
    constexpr auto kRoot = ConfigDocument::kRoot;
    Merge(then, now, view, data).objects(kRoot, kRoot, kRoot, nullptr);
}

}  // namespace cutover
