#include "config/references.h"

#include <cstddef>
#include <cstdint>
#include <libyang/libyang.h>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "config/yang.h"

namespace cutover {
namespace {

const lysc_type* type_of(const lysc_node* node) {
    if (node->nodetype == LYS_LEAF) return reinterpret_cast<const lysc_node_leaf*>(node)->type;
    if (node->nodetype == LYS_LEAFLIST)
        return reinterpret_cast<const lysc_node_leaflist*>(node)->type;
    return nullptr;
}

LY_ERR collect(lysc_node* node, void* nodes, ly_bool* /*descend*/) {
    if (type_of(node)) static_cast<std::vector<const lysc_node*>*>(nodes)->push_back(node);
    return LY_SUCCESS;
}

bool is_simple(std::string_view path) { return path.find_first_of("[( \t\r\n") == path.npos; }

// Of a path without predicates: the one leaf that it leads through.
const lysc_node* target_of(const lysc_node* leaf, const lysc_type_leafref* reference) {
    ly_set* found = nullptr;
    if (lys_find_expr_atoms(leaf, leaf->module, reference->path, reference->prefixes, 0, &found) !=
        LY_SUCCESS) {
        yang::forget_errors(leaf->module->ctx);
        return nullptr;
    }
    const lysc_node* target = nullptr;
    std::size_t leaves = 0;
    for (std::uint32_t i = 0; i < found->count; ++i) {
        if (!type_of(found->snodes[i]) || found->snodes[i] == leaf) continue;
        target = found->snodes[i];
        ++leaves;
    }
    ly_set_free(found, nullptr);
    return leaves == 1 ? target : nullptr;
}

// The values of a target, each once, in a part of the tree.
using Values = std::unordered_set<std::string_view>;

class Collector {
public:
    explicit Collector(const lysc_node* target) {
        for (const auto* node = target; node; node = lysc_data_parent(node)) way_.insert(node);
        target_ = target;
    }
    // As deep as the schema.
    void look(const lyd_node* node, Values& values) const {
        if (!way_.contains(node->schema)) return;
        if (node->schema == target_) values.insert(lyd_get_value(node));
        for (const auto* child = lyd_child(node); child; child = child->next) look(child, values);
    }

private:
    const lysc_node* target_ = nullptr;
    std::unordered_set<const lysc_node*> way_;
};

}  // namespace

References::References(ly_ctx* context) {
    std::vector<const lysc_node*> leaves;
    std::uint32_t index = 0;
    while (const auto* const module = ly_ctx_get_module_iter(context, &index))
        if (module->implemented) lysc_module_dfs_full(module, collect, &leaves);

    std::unordered_set<const lysc_type*> not_ours;
    for (const auto* leaf : leaves) {
        const auto* const type = type_of(leaf);
        if (type->basetype != LY_TYPE_UNION) continue;
        const auto* const types = reinterpret_cast<const lysc_type_union*>(type)->types;
        for (LY_ARRAY_COUNT_TYPE i = 0; i < LY_ARRAY_COUNT(types); ++i) not_ours.insert(types[i]);
    }

    std::unordered_set<const lysc_type*> ours;
    std::unordered_map<const lysc_node*, const lysc_node*> targets;
    for (const auto* leaf : leaves) {
        const auto* const type = type_of(leaf);
        if (type->basetype != LY_TYPE_LEAFREF || not_ours.contains(type)) continue;
        const auto* const reference = reinterpret_cast<const lysc_type_leafref*>(type);
        if (reference->require_instance == 0) continue;
        if (!is_simple(lyxp_get_expr(reference->path))) continue;
        const auto* const target = target_of(leaf, reference);
        if (!target) {
            not_ours.insert(type);
            continue;
        }
        targets.emplace(leaf, target);
        if (!lysc_is_key(target)) ours.insert(type);
    }
    // A type that several leaves share is theirs for all of them.
    for (const auto& [leaf, target] : targets) {
        const auto* const type = type_of(leaf);
        if (!ours.contains(type) || not_ours.contains(type)) continue;
        const auto* const reference = reinterpret_cast<const lysc_type_leafref*>(type);
        const std::string text = lyxp_get_expr(reference->path);
        Path path{.target = target, .absolute = text.starts_with('/'), .text = text};
        for (std::size_t at = 0; text.compare(at, 2, "..") == 0; at += 3) ++path.up;
        paths_.emplace(leaf, std::move(path));
    }
    for (const auto* type : not_ours) ours.erase(type);
    for (const auto* type : ours)  // NOLINTNEXTLINE: compiled for this context, which is ours alone
        reinterpret_cast<lysc_type_leafref*>(const_cast<lysc_type*>(type))->require_instance = 0;
}

std::vector<yang::Complaint> References::broken(const lyd_node* tree, std::size_t max) const {
    std::vector<yang::Complaint> complaints;
    if (paths_.empty()) return complaints;
    // By the target, and by where both meet; null: at the top.
    std::map<std::pair<const lysc_node*, const lyd_node*>, Values> known;
    for (const auto* top = tree; top; top = top->next) {
        const lyd_node* node = nullptr;
        LYD_TREE_DFS_BEGIN(top, node) {
            const auto found = paths_.find(node->schema);
            if (found != paths_.end() && complaints.size() < max) {
                const auto& [target, up, absolute, text] = found->second;
                const auto* meeting = absolute ? nullptr : node;
                for (std::size_t i = 0; meeting && i < up; ++i) meeting = lyd_parent(meeting);
                const auto [values, is_new] = known.try_emplace({target, meeting});
                if (is_new) {
                    const Collector collector(target);
                    if (meeting)
                        collector.look(meeting, values->second);
                    else
                        for (const auto* at = tree; at; at = at->next)
                            collector.look(at, values->second);
                }
                const std::string_view value = lyd_get_value(node);
                if (!values->second.contains(value)) {
                    const yang::Text path(lyd_path(node, LYD_PATH_STD, nullptr, 0));
                    complaints.push_back(
                        {.message = fmt::format("Invalid leafref value \"{}\" - no target instance "
                                                "\"{}\" with the same value",
                                                value, text),
                         .data_path = path ? path.get() : ""});
                }
            }
            LYD_TREE_DFS_END(top, node);
        }
    }
    return complaints;
}

}  // namespace cutover
