#include "config/schema_view.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <libyang/libyang.h>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "config/config_document.h"
#include "config/yang_schema.h"

namespace cutover {
namespace {

using Kind = ConfigDocument::Kind;
using NodeId = ConfigDocument::NodeId;
using NameId = ConfigDocument::NameId;

constexpr int kDataNodes = LYS_CONTAINER | LYS_LIST | LYS_LEAF | LYS_LEAFLIST | LYS_ANYDATA;

// As a path writes it.
std::string quoted(std::string_view value) {
    const char quote = value.contains('\'') ? '"' : '\'';
    return fmt::format("{}{}{}", quote, value, quote);
}

}  // namespace

std::size_t SchemaView::Hash::operator()(const Place& place) const {
    return std::hash<const void*>()(place.parent) * 31 + place.name;
}

SchemaView::SchemaView(const YangSchema& schema, const ConfigDocument& names)
    : schema_(schema), names_(names.empty_beside()) {}

SchemaView::Child SchemaView::child(const lysc_node* parent, NameId name) {
    const Place place{.parent = parent, .name = name};
    if (const auto known = children_.find(place); known != children_.end()) return known->second;
    const lys_module* module = nullptr;
    if (!parent) {
        module = ly_ctx_get_module_implemented(schema_.context(),
                                               std::string(names_.module_of(name)).c_str());
        if (!module || !module->compiled) return {};
    }
    const auto* const whose = parent ? static_cast<const void*>(parent) : module;
    if (learned_.insert(whose).second) learn(parent, module);
    return children_[place];
}

void SchemaView::learn(const lysc_node* parent, const lys_module* module) {
    std::size_t place = 0;
    const auto* const compiled = parent ? nullptr : module->compiled;
    for (const auto* node = lys_getnext(nullptr, parent, compiled, 0); node;
         node = lys_getnext(node, parent, compiled, 0)) {
        if ((node->nodetype & kDataNodes) == 0) continue;
        const auto name = names_.name(fmt::format("{}:{}", node->module->name, node->name));
        children_.insert_or_assign({.parent = parent, .name = name},
                                   Child{.node = node, .place = place++});
    }
}

const lysc_node* SchemaView::schema_of(const ConfigDocument& document, NodeId node) {
    std::vector<NameId> names;
    for (auto at = node; at != 0; at = document.at(at).parent)
        if (document.at(at).name != 0) names.push_back(document.at(at).name);
    const lysc_node* schema = nullptr;
    for (auto name = names.rbegin(); name != names.rend(); ++name) {
        schema = child(schema, *name).node;
        if (!schema) return nullptr;
    }
    return schema;
}

const std::vector<NameId>& SchemaView::keys(const lysc_node* list) {
    const auto [known, is_new] = keys_.try_emplace(list);
    if (is_new && list && list->nodetype == LYS_LIST)
        for (const auto* below = lysc_node_child(list); below && lysc_is_key(below);
             below = below->next)
            known->second.push_back(
                names_.name(fmt::format("{}:{}", below->module->name, below->name)));
    return known->second;
}

std::string SchemaView::identity(const ConfigDocument& document, const lysc_node* schema,
                                 NodeId entry) {
    if (!schema) return {};
    if (schema->nodetype == LYS_LEAFLIST) return "=" + std::string(document.text(entry));
    std::string all;
    for (const auto key : keys(schema)) {
        const auto member = document.member(entry, key);
        if (member == 0) return {};
        all += fmt::format("{}:{};", document.text(member).size(), document.text(member));
    }
    return all;
}

std::string SchemaView::predicate(const ConfigDocument& document, const lysc_node* schema,
                                  NodeId entry) {
    if (schema && schema->nodetype == LYS_LEAFLIST)
        return fmt::format("[.={}]", quoted(document.text(entry)));
    if (!identity(document, schema, entry).empty()) {
        std::string text;
        for (const auto key : keys(schema))
            text += fmt::format("[{}={}]", document.local_of(key),
                                quoted(document.text(document.member(entry, key))));
        return text;
    }
    std::size_t place = 1;
    const auto parent = document.at(entry).parent;
    for (auto at = document.at(parent).first; at != entry; at = document.at(at).next) ++place;
    return fmt::format("[{}]", place);
}

std::string SchemaView::path(const ConfigDocument& document, NodeId node) {
    std::vector<NodeId> way;
    for (auto at = node; at != 0 && at != ConfigDocument::kRoot; at = document.at(at).parent)
        way.push_back(at);
    std::ranges::reverse(way);
    std::string text;
    std::string_view module;
    const lysc_node* schema = nullptr;
    bool known = true;
    for (const auto at : way) {
        const auto name = document.at(at).name;
        if (name == 0) {
            if (!document.is_null(document.at(at).parent))
                text += predicate(document, known ? schema : nullptr, at);
            continue;
        }
        schema = known ? child(schema, name).node : nullptr;
        known = schema != nullptr;
        const auto own = document.module_of(name);
        text += '/';
        text += own == module ? document.local_of(name) : document.name_text(name);
        module = own;
    }
    return text;
}

std::string module_text(const lys_module* module) {
    return module->revision ? fmt::format("{} {}", module->name, module->revision)
                            : std::string(module->name);
}

}  // namespace cutover
