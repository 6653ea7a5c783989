#include "config/valid_data.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <libyang/libyang.h>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "config/data_upgrade.h"
#include "config/errors.h"
#include "config/references.h"
#include "config/yang.h"
#include "config/yang_schema.h"

namespace cutover {
namespace {

// Each search for one more broken rule looks at all nodes again.
constexpr std::size_t kMostSearched = 4'000'000;
constexpr std::size_t kFewestSearches = 3;

// Its last name goes, with its predicates, in whose values slashes may be.
std::string parent_path(std::string_view path) {
    std::size_t last = 0;
    char quote = 0;
    for (std::size_t at = 0; at < path.size(); ++at) {
        const char c = path[at];
        if (quote != 0)
            quote = c == quote ? '\0' : quote;
        else if (c == '\'' || c == '"')
            quote = c;
        else if (c == '/')
            last = at;
    }
    return std::string(path.substr(0, last));
}

const lyd_node* node_at(const lyd_node* tree, const std::string& path) {
    lyd_node* found = nullptr;
    if (!tree || path.empty() || lyd_find_path(tree, path.c_str(), 0, &found) != LY_SUCCESS) {
        if (tree) yang::forget_errors(LYD_CTX(tree));
        return nullptr;
    }
    return found;
}

std::size_t count_nodes(const lyd_node* tree) {
    std::size_t count = 0;
    for (const auto* top = tree; top; top = top->next) {
        const lyd_node* node = nullptr;
        LYD_TREE_DFS_BEGIN(top, node) {
            ++count;
            LYD_TREE_DFS_END(top, node);
        }
    }
    return count;
}

// Of a rule's path, in which choices and cases are steps too; null when it is none.
const lysc_node* schema_at(const ly_ctx* context, std::string_view path) {
    const lysc_node* found = nullptr;
    const lysc_node* below = nullptr;
    while (path.starts_with('/')) {
        path.remove_prefix(1);
        auto name = path.substr(0, path.find('/'));
        path.remove_prefix(name.size());
        if (const auto colon = name.find(':'); colon != std::string_view::npos) {
            const auto* const module =
                ly_ctx_get_module_implemented(context, std::string(name.substr(0, colon)).c_str());
            name.remove_prefix(colon + 1);
            if (!module) return nullptr;
            if (!found) below = module->compiled->data;
        }
        found = below;
        while (found && found->name != name) found = found->next;
        if (!found) return nullptr;
        below = lysc_node_child(found);
    }
    return found;
}

std::string path_of(const lyd_node* node) {
    const yang::Text path(lyd_path(node, LYD_PATH_STD, nullptr, 0));
    return path ? path.get() : "";
}

// How many nodes below `parent` are of this schema, or of this choice.
std::size_t count_children(const lyd_node* parent, const lysc_node* schema) {
    std::size_t count = 0;
    for (const auto* child = lyd_child(parent); child; child = child->next) {
        const auto* of = child->schema;
        while (of && of != schema) of = of->parent;
        count += of ? 1 : 0;
    }
    return count;
}

std::size_t fewest(const lysc_node* schema) {
    if (schema->nodetype == LYS_LIST) return reinterpret_cast<const lysc_node_list*>(schema)->min;
    if (schema->nodetype == LYS_LEAFLIST)
        return reinterpret_cast<const lysc_node_leaflist*>(schema)->min;
    return 1;
}

// Where something is missing, libyang names the rule alone. Which nodes lack it, at most so many.
std::vector<const lyd_node*> lacking(const lyd_node* tree, const lysc_node* missing,
                                     std::size_t max) {
    std::vector<const lyd_node*> nodes;
    const auto* const parent = lysc_data_parent(missing);
    if (!parent || !tree) return nodes;
    const yang::Text path(lysc_path(parent, LYSC_PATH_DATA, nullptr, 0));
    ly_set* found = nullptr;
    if (lyd_find_xpath(tree, path.get(), &found) != LY_SUCCESS) return nodes;
    const std::unique_ptr<ly_set, void (*)(ly_set*)> owned(
        found, [](ly_set* set) { ly_set_free(set, nullptr); });
    // Where it depends on a condition, only the first is sure.
    if (lysc_has_when(missing)) max = 1;
    for (std::uint32_t i = 0; i < found->count && nodes.size() < max; ++i)
        if (count_children(found->dnodes[i], missing) < fewest(missing))
            nodes.push_back(found->dnodes[i]);
    return nodes;
}

class Search {
public:
    Search(const ly_ctx* context, yang::Tree tree)
        : context_(context),
          whole_(std::move(tree)),
          searches_(std::clamp(kMostSearched / (count_nodes(whole_.get()) + 1), kFewestSearches,
                               2 * kMaxInvalidTold)) {
        lyd_node* copy = nullptr;
        CUTOVER_CHECK(lyd_dup_siblings(whole_.get(), nullptr,
                                       LYD_DUP_RECURSIVE | LYD_DUP_WITH_FLAGS,
                                       &copy) == LY_SUCCESS);
        rest_.reset(copy);
        // Rules look at defaults too.
        auto* all = whole_.release();
        lyd_new_implicit_all(&all, context_, LYD_IMPLICIT_NO_STATE, nullptr);
        whole_.reset(all);
    }

    void run(ValidData& result) {
        std::uint32_t index = 0;
        while (const auto* const module = ly_ctx_get_module_iter(context_, &index))
            if (module->implemented) search_module(module, result);
        result.invalid_untold = untold_;
    }

private:
    void search_module(const lys_module* module, ValidData& result) {
        for (;;) {
            if (searches_ == 0 || result.invalid.size() >= kMaxInvalidTold) {
                untold_ = true;
                return;
            }
            yang::forget_errors(context_);
            auto* rest = rest_.release();
            const auto valid = lyd_validate_module(&rest, module, LYD_VALIDATE_NO_STATE, nullptr);
            rest_.reset(rest);
            if (valid == LY_SUCCESS) return;
            --searches_;
            const auto complaints = yang::take_complaints(context_);
            if (complaints.empty()) {
                result.invalid.push_back({.why = "libyang gives no reason"});
                return;
            }
            const auto& complaint = complaints.front();
            const bool moved_on = complaint.data_path.empty() ? take_out_lacking(complaint, result)
                                                              : take_out_wrong(complaint, result);
            if (!moved_on) {
                untold_ = true;
                return;
            }
        }
    }

    bool take_out_wrong(const yang::Complaint& complaint, ValidData& result) {
        const auto& path = complaint.data_path;
        const auto* node = node_at(rest_.get(), path);
        if (!follows(complaint.message, path)) {
            result.invalid.push_back({.path = path, .why = complaint.message});
        } else if (const auto* const whole = node_at(whole_.get(), path)) {
            // It goes, and what libyang would have come to later with it.
            auto must = broken_must(whole);
            if (!must.empty()) result.invalid.push_back({.path = path, .why = std::move(must)});
        }
        if (!node) node = node_at(rest_.get(), parent_path(path));
        return node && take_out(node);
    }

    bool take_out_lacking(const yang::Complaint& complaint, ValidData& result) {
        const auto* const missing = schema_at(context_, complaint.schema_path);
        const auto room = kMaxInvalidTold - result.invalid.size();
        std::vector<const lyd_node*> nodes;
        if (missing) nodes = lacking(rest_.get(), missing, room);
        if (!missing || nodes.empty()) {
            result.invalid.push_back({.path = complaint.schema_path, .why = complaint.message});
            return false;
        }
        std::set<const lyd_node*> holders;
        for (const auto* node : nodes) {
            const auto path = path_of(node) + "/" + missing->name;
            if (!taken_.contains(path))
                result.invalid.push_back({.path = path, .why = complaint.message});
            // A container that is always there would lack it again.
            const auto* holder = node;
            while (holder && holder->schema->nodetype == LYS_CONTAINER &&
                   (holder->schema->flags & LYS_PRESENCE) == 0)
                holder = lyd_parent(holder);
            if (!holder) return false;
            holders.insert(holder);
        }
        return std::ranges::all_of(holders, [&](const auto* holder) { return take_out(holder); });
    }

    bool take_out(const lyd_node* node) {
        taken_.insert(path_of(node));
        // A list has no path of its own: what it may lack is asked with its name alone.
        taken_.insert(parent_path(path_of(node)) + "/" + node->schema->name);
        auto* const rest = rest_.get() == node ? rest_->next : rest_.get();
        static_cast<void>(rest_.release());
        lyd_free_tree(const_cast<lyd_node*>(node));  // NOLINT: of our own tree
        rest_.reset(rest);
        return true;
    }

    // Whether the rule is kept where nothing was taken out.
    bool follows(const std::string& message, const std::string& path) const {
        if (taken_.empty()) return false;
        if (taken_.contains(path)) return true;  // it is missed only since
        const auto* const node = node_at(whole_.get(), path);
        if (!node) return false;
        if (message.starts_with("Invalid leafref") || message.starts_with("Invalid instance"))
            return refers(node);
        return message.starts_with("Must condition") && broken_must(node).empty();
    }

    // As libyang tells it; empty when all hold.
    static std::string broken_must(const lyd_node* node) {
        const auto* const musts = lysc_node_musts(node->schema);
        for (LY_ARRAY_COUNT_TYPE i = 0; i < LY_ARRAY_COUNT(musts); ++i) {
            const auto* const rule = lyxp_get_expr(musts[i].cond);
            ly_bool holds = 0;
            const auto asked =
                lyd_eval_xpath3(node, node->schema->module, rule, LY_VALUE_SCHEMA_RESOLVED,
                                musts[i].prefixes, nullptr, &holds);
            if (asked != LY_SUCCESS || holds == 0)
                return fmt::format("Must condition \"{}\" not satisfied", rule);
        }
        return {};
    }

    bool refers(const lyd_node* node) const {
        const std::string_view value = lyd_get_value(node);
        const auto there = lyd_value_validate(context_, node->schema, value.data(), value.size(),
                                              node, nullptr, nullptr);
        yang::forget_errors(context_);
        return there == LY_SUCCESS;
    }

    const ly_ctx* context_;
    yang::Tree whole_;
    yang::Tree rest_;
    std::set<std::string> taken_;  // paths
    std::size_t searches_;
    bool untold_ = false;
};

ssize_t append(void* text, const void* bytes, std::size_t size) {
    static_cast<std::string*>(text)->append(static_cast<const char*>(bytes), size);
    return static_cast<ssize_t>(size);
}

}  // namespace

Result<ValidData> read_and_validate(const YangSchema& schema, std::string json) {
    const auto* const context = schema.context();
    yang::forget_errors(context);
    lyd_node* read = nullptr;
    constexpr std::uint32_t kOptions =
        LYD_PARSE_ONLY | LYD_PARSE_STRICT | LYD_PARSE_NO_STATE | LYD_PARSE_ORDERED;
    const auto parsed = lyd_parse_data_mem(context, json.c_str(), LYD_JSON, kOptions, 0, &read);
    yang::Tree tree(read);
    if (parsed != LY_SUCCESS)
        return fail(errors::config_unreadable, "{}", yang::last_errors(context));
    const auto size = json.size();
    std::string().swap(json);  // the tree has all of it, and there may be little room
    auto* all = tree.release();
    const auto valid = lyd_validate_all(&all, context, LYD_VALIDATE_NO_STATE, nullptr);
    tree.reset(all);
    ValidData result;
    result.text.reserve(size + size / 8);
    if (lyd_print_clb(append, &result.text, tree.get(), LYD_JSON,
                      LYD_PRINT_WITHSIBLINGS | LYD_PRINT_SHRINK | LYD_PRINT_WD_EXPLICIT) !=
        LY_SUCCESS)
        return fail(Errc::io, "print the configuration: {}", yang::last_errors(context));
    if (result.text.empty()) result.text = "{}";
    for (auto& broken : schema.references().broken(tree.get(), kMaxInvalidTold))
        result.invalid.push_back(
            {.path = std::move(broken.data_path), .why = std::move(broken.message)});
    result.invalid_untold = result.invalid.size() == kMaxInvalidTold;
    if (valid == LY_SUCCESS || result.invalid_untold) return result;
    const auto first = yang::take_complaints(context);
    Search(context, std::move(tree)).run(result);
    // Never valid by mistake.
    if (result.invalid.empty())
        result.invalid.push_back(
            {.path = first.empty() ? "" : first.front().data_path,
             .why = first.empty() ? "libyang gives no reason" : first.front().message});
    return result;
}

}  // namespace cutover
