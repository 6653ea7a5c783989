#include "config/config_tree.h"

#include <cstddef>
#include <cstdint>
#include <libyang/libyang.h>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"
#include "config/errors.h"
#include "config/references.h"
#include "config/text_depth.h"
#include "config/yang.h"
#include "config/yang_schema.h"
#include "model/configuration.h"

namespace cutover {
namespace {

// libyang's readers recurse, of XML without any bound.
constexpr std::size_t kMaxDepth = 100;
constexpr std::size_t kIndent = 2;

std::string path_of(const lyd_node* node) {
    const yang::Text path(lyd_path(node, LYD_PATH_STD, nullptr, 0));
    return path ? path.get() : "";
}

bool has_value(const lyd_node* node) { return (node->schema->nodetype & LYD_NODE_TERM) != 0; }

std::string value_of(const lyd_node* node) {
    if (has_value(node)) return lyd_get_value(node);
    if ((node->schema->nodetype & LYD_NODE_ANY) == 0) return "";
    char* text = nullptr;
    lyd_any_value_str(node, &text);
    const yang::Text owned(text);
    return text ? text : "";
}

// What an operator may set: no state, and nothing of an RPC.
bool is_configuration(const lysc_node* schema) {
    constexpr int kData = LYS_CONTAINER | LYS_LIST | LYS_LEAF | LYS_LEAFLIST | LYD_NODE_ANY;
    for (const auto* node = schema->parent; node; node = node->parent)
        if ((node->nodetype & (LYS_RPC | LYS_ACTION | LYS_NOTIF)) != 0) return false;
    return (schema->nodetype & kData) != 0 && (schema->flags & LYS_CONFIG_W) != 0;
}

// What YANG (RFC 7950, section 9.4) and XML have no place for libyang lets through, and then writes
// down as what cannot be read again.
bool is_text(std::string_view text) {
    while (!text.empty()) {
        const auto next = first_code_point(text);
        const bool control =
            next.value < ' ' && next.value != '\t' && next.value != '\n' && next.value != '\r';
        if (!next.valid || control) return false;
        text.remove_prefix(next.length);
    }
    return true;
}

Result<> check_path(const std::string& path) {
    if (path.size() > kMaxConfigPathBytes || !is_text(path))
        return fail(errors::config_no_such_path, "a path is text of at most {} bytes",
                    kMaxConfigPathBytes);
    return {};
}

// A line a node, for people.
void print_tree(const lyd_node* node, std::size_t depth, const lys_module* around,
                std::string& out) {
    if ((node->flags & LYD_DEFAULT) != 0 || lysc_is_key(node->schema)) return;
    out.append(depth * kIndent, ' ');
    const auto* const module = lyd_owner_module(node);
    if (module != around) out.append(module->name).append(":");
    out += node->schema->name;
    if (node->schema->nodetype == LYS_LIST)
        for (const auto* key = lyd_child(node); key && lysc_is_key(key->schema); key = key->next)
            out.append(" ").append(lyd_get_value(key));
    if (const auto value = value_of(node); has_value(node) || !value.empty())
        out.append(" ").append(value);
    out += '\n';
    for (const auto* child = lyd_child(node); child; child = child->next)
        print_tree(child, depth + 1, module, out);
}

std::string annotation(const lyd_node* node, const char* name) {
    const auto* const found = lyd_find_meta(node->meta, nullptr, name);
    return found ? lyd_get_meta_value(found) : "";
}

// What libyang's difference says, from its nodes; one without a word has that of its parent.
class Changes {
public:
    std::vector<ConfigChange> of(const lyd_node* difference) {
        for (const auto* node = difference; node; node = node->next) look(node, "none");
        return std::move(changes_);
    }

private:
    using Kind = ConfigChange::Kind;

    void look(const lyd_node* node, const std::string& inherited) {
        const auto own = annotation(node, "yang:operation");
        const auto& operation = own.empty() ? inherited : own;
        const bool entry = lysc_is_key(node->schema);  // told by the entry's own path
        if (operation == "create" && !entry) tell(node, Kind::added);
        if (operation == "delete" && !entry) tell(node, Kind::removed);
        if (operation == "replace") tell(node, is_ordered(node) ? Kind::moved : Kind::changed);
        for (const auto* below = lyd_child(node); below; below = below->next)
            look(below, operation == "replace" ? "none" : operation);
    }

    static bool is_ordered(const lyd_node* node) {
        return node->schema->nodetype == LYS_LEAFLIST || node->schema->nodetype == LYS_LIST;
    }

    void tell(const lyd_node* node, Kind kind) {
        // A container that only holds others together is not worth a line.
        const bool holds =
            node->schema->nodetype == LYS_CONTAINER && (node->schema->flags & LYS_PRESENCE) == 0;
        if (holds) return;
        ConfigChange change{.kind = kind, .path = path_of(node)};
        if (kind == Kind::removed) change.before = value_of(node);
        if (kind == Kind::added || kind == Kind::changed) change.after = value_of(node);
        if (kind == Kind::changed) change.before = annotation(node, "yang:orig-value");
        changes_.push_back(std::move(change));
    }

    std::vector<ConfigChange> changes_;
};

// The first of these that is set: no default.
const lyd_node* set_from(const lyd_node* node) {
    while (node && (node->flags & LYD_DEFAULT) != 0) node = node->next;
    return node;
}

// Whether the same is set, in the same order. As deep as the schema.
bool same(const lyd_node* one, const lyd_node* other) {
    if (one->schema != other->schema) return false;
    if ((one->schema->nodetype & LYD_NODE_INNER) == 0)
        return lyd_compare_single(one, other, 0) == LY_SUCCESS;
    const auto* left = set_from(lyd_child(one));
    const auto* right = set_from(lyd_child(other));
    while (left && right && same(left, right)) {
        left = set_from(left->next);
        right = set_from(right->next);
    }
    return !left && !right;
}

// Whether so are all nodes of a schema among siblings.
bool same_all(const lysc_node* schema, const lyd_node* siblings, const lyd_node* others) {
    const auto next = [&](const lyd_node* at) {
        at = set_from(at);
        while (at && at->schema != schema) at = set_from(at->next);
        return at;
    };
    const auto* one = next(siblings);
    const auto* other = next(others);
    while (one && other && same(one, other)) {
        one = next(one->next);
        other = next(other->next);
    }
    return !one && !other;
}

// Of two trees what they do not have in common, and what that is in: few nodes, mostly. libyang
// takes a time to compare that grows with the square of a list's entries.
class Different {
public:
    void look(const lyd_node* older, const lyd_node* newer) {
        look(older, newer, nullptr, nullptr);
    }
    const lyd_node* older() const { return older_.get(); }
    const lyd_node* newer() const { return newer_.get(); }

private:
    static const lyd_node* twin(const lyd_node* node, const lyd_node* siblings) {
        lyd_node* found = nullptr;
        const bool there = siblings && lyd_find_sibling_first(siblings, node, &found) == LY_SUCCESS;
        return there && (found->flags & LYD_DEFAULT) == 0 ? found : nullptr;
    }

    void look(const lyd_node* older, const lyd_node* newer, lyd_node* in_older,
              lyd_node* in_newer) {
        for (const auto* node = set_from(older); node; node = set_from(node->next)) {
            const auto* const other = twin(node, newer);
            if (is_kept(node, other, older, newer)) continue;
            if (other && node->schema->nodetype == LYS_CONTAINER)
                look(lyd_child(node), lyd_child(other), copy(node, in_older, older_, 0),
                     copy(other, in_newer, newer_, 0));
            else
                copy(node, in_older, older_, LYD_DUP_RECURSIVE);
        }
        for (const auto* node = set_from(newer); node; node = set_from(node->next)) {
            const auto* const other = twin(node, older);
            const bool looked_at = other && node->schema->nodetype == LYS_CONTAINER;
            if (!looked_at && !is_kept(node, other, newer, older))
                copy(node, in_newer, newer_, LYD_DUP_RECURSIVE);
        }
    }

    // Where entries have an order, all of them are, or none.
    bool is_kept(const lyd_node* node, const lyd_node* other, const lyd_node* siblings,
                 const lyd_node* others) {
        if (lysc_is_userordered(node->schema) == 0) return other && same(node, other);
        const auto [found, is_new] = ordered_.try_emplace({node->schema, siblings});
        if (is_new) found->second = same_all(node->schema, siblings, others);
        return found->second;
    }

    static lyd_node* copy(const lyd_node* node, lyd_node* parent, yang::Tree& tree,
                          std::uint32_t options) {
        lyd_node* made = nullptr;
        // Else there is no memory.
        CUTOVER_CHECK(lyd_dup_single(node, reinterpret_cast<lyd_node_inner*>(parent),
                                     options | LYD_DUP_WITH_FLAGS, &made) == LY_SUCCESS);
        if (parent) return made;
        auto* top = tree.release();
        CUTOVER_CHECK(lyd_insert_sibling(top, made, &top) == LY_SUCCESS);
        tree.reset(top);
        return made;
    }

    yang::Tree older_;
    yang::Tree newer_;
    std::map<std::pair<const lysc_node*, const lyd_node*>, bool> ordered_;  // by first sibling
};

}  // namespace

void ConfigTree::Free::operator()(lyd_node* tree) const { lyd_free_all(tree); }

ConfigTree::ConfigTree(YangSchema schema) : schema_(std::move(schema)) {}
ConfigTree::~ConfigTree() = default;
ConfigTree::ConfigTree(ConfigTree&&) noexcept = default;
ConfigTree& ConfigTree::operator=(ConfigTree&&) noexcept = default;

Result<ConfigTree> ConfigTree::parse(const YangSchema& schema, std::string_view text,
                                     ConfigFormat format) {
    if (format == ConfigFormat::tree)
        return fail(errors::config_unreadable, "a tree is for people: JSON and XML are read");
    if (text.size() > kMaxConfigBytes || !is_text(text))
        return fail(
            errors::config_unreadable,
            "a configuration is text in UTF-8 without control characters, of at most {} bytes",
            kMaxConfigBytes);
    const bool json = format == ConfigFormat::json;
    if (!(json ? json_is_within(text, kMaxDepth) : xml_is_within(text, kMaxDepth)))
        return fail(errors::config_unreadable, "it is deeper than {} levels", kMaxDepth);
    // libyang's own reader loses memory on some of what is none.
    if (json && !nlohmann::json::accept(text))
        return fail(errors::config_unreadable, "the text is no JSON");
    const std::string terminated(text);
    yang::forget_errors(schema.context());
    lyd_node* tree = nullptr;
    constexpr std::uint32_t kOptions = LYD_PARSE_ONLY | LYD_PARSE_STRICT | LYD_PARSE_NO_STATE;
    const auto parsed = lyd_parse_data_mem(schema.context(), terminated.c_str(),
                                           json ? LYD_JSON : LYD_XML, kOptions, 0, &tree);
    ConfigTree config(schema);
    config.tree_.reset(tree);
    if (parsed != LY_SUCCESS)
        return fail(errors::config_unreadable, "{}", yang::last_errors(schema.context()));
    return config;
}

ConfigTree ConfigTree::copy() const {
    ConfigTree other(schema_);
    lyd_node* tree = nullptr;
    if (tree_)
        CUTOVER_CHECK(lyd_dup_siblings(tree_.get(), nullptr, LYD_DUP_RECURSIVE | LYD_DUP_WITH_FLAGS,
                                       &tree) == LY_SUCCESS);  // else there is no memory
    other.tree_.reset(tree);
    return other;
}

Result<const lyd_node*> ConfigTree::find(const std::string& path) const {
    TRY(check_path(path));
    lyd_node* found = nullptr;
    if (tree_ && lyd_find_path(tree_.get(), path.c_str(), 0, &found) == LY_SUCCESS) return found;
    // Of a path that no module knows, libyang says why.
    const auto why = yang::take_complaints(schema_.context());
    if (!why.empty())
        return fail(errors::config_no_such_path, "nothing is at {}: {}", path, why.front().message);
    return fail(errors::config_no_such_path, "nothing is at {}", path);
}

Result<std::string> ConfigTree::print(ConfigFormat format, const std::string& path) const {
    const auto* const from = path.empty() ? tree_.get() : TRY(find(path));
    if (format == ConfigFormat::tree) {
        std::string out;
        for (const auto* node = from; node; node = path.empty() ? node->next : nullptr)
            print_tree(node, 0, nullptr, out);
        return out;
    }
    const std::uint32_t siblings = path.empty() ? LYD_PRINT_WITHSIBLINGS : 0;
    const bool json = format == ConfigFormat::json;
    char* printed = nullptr;
    if (lyd_print_mem(&printed, from, json ? LYD_JSON : LYD_XML,
                      siblings | LYD_PRINT_WD_EXPLICIT) != LY_SUCCESS)
        return fail(Errc::io, "print the configuration: {}", yang::last_errors(schema_.context()));
    const yang::Text text(printed);
    if (!text) return json ? std::string("{}\n") : std::string();
    return std::string(text.get());
}

Result<std::string> ConfigTree::value(const std::string& path) const {
    const auto* const node = TRY(find(path));
    if (!has_value(node)) return fail(errors::config_no_such_path, "{} has no value", path);
    return value_of(node);
}

Result<> ConfigTree::set(const std::string& path, const std::string& value) {
    TRY(check_path(path));
    if (!is_text(value))
        return fail(errors::config_unreadable,
                    "{}: a value is text in UTF-8 without control characters", path);
    yang::forget_errors(schema_.context());
    const auto* const schema = lys_find_path(schema_.context(), nullptr, path.c_str(), 0);
    if (schema && !is_configuration(schema))
        return fail(errors::config_unreadable, "{} is no configuration", path);
    yang::forget_errors(schema_.context());
    lyd_node* made = nullptr;
    const auto result = lyd_new_path(tree_.get(), schema_.context(), path.c_str(), value.c_str(),
                                     LYD_NEW_PATH_UPDATE, &made);
    if (result != LY_SUCCESS)
        return fail(errors::config_unreadable, "{}: {}", path,
                    yang::last_errors(schema_.context()));
    auto* top = tree_ ? tree_.release() : made;
    while (top && top->parent) top = lyd_parent(top);
    tree_.reset(top ? lyd_first_sibling(top) : nullptr);
    return {};
}

Result<> ConfigTree::erase(const std::string& path) {
    const auto* const node = TRY(find(path));
    if (lysc_is_key(node->schema))
        return fail(errors::config_unreadable, "{} names its list's entry: remove that", path);
    auto* const rest = tree_.get() == node ? tree_->next : tree_.get();
    static_cast<void>(tree_.release());
    lyd_free_tree(const_cast<lyd_node*>(node));  // NOLINT: of our own tree
    tree_.reset(rest);
    return {};
}

Result<> ConfigTree::merge(const ConfigTree& other) {
    yang::forget_errors(schema_.context());
    auto* tree = tree_.release();
    const auto result = lyd_merge_siblings(&tree, other.tree_.get(), LYD_MERGE_DEFAULTS);
    tree_.reset(tree);
    if (result != LY_SUCCESS)
        return fail(errors::config_unreadable, "{}", yang::last_errors(schema_.context()));
    return {};
}

bool ConfigTree::holds(const std::string& path) const { return find(path).has_value(); }

bool ConfigTree::has_order(const std::string& path) const {
    const auto node = find(path);
    return node && lysc_is_userordered((*node)->schema) != 0;
}

Result<> ConfigTree::add_defaults() {
    auto* tree = tree_.release();
    const auto result =
        lyd_new_implicit_all(&tree, schema_.context(), LYD_IMPLICIT_NO_STATE, nullptr);
    tree_.reset(tree);
    if (result != LY_SUCCESS)
        return fail(errors::config_unreadable, "{}", yang::last_errors(schema_.context()));
    return {};
}

Result<> ConfigTree::validate() {
    yang::forget_errors(schema_.context());
    auto* tree = tree_.release();
    const auto result = lyd_validate_all(&tree, schema_.context(), LYD_VALIDATE_NO_STATE, nullptr);
    tree_.reset(tree);
    if (result != LY_SUCCESS)
        return fail(errors::config_invalid, "{}", yang::last_errors(schema_.context()));
    const auto broken = schema_.references().broken(tree_.get(), 1);
    if (!broken.empty())
        return fail(errors::config_invalid, "{} ({})", broken[0].message, broken[0].data_path);
    return {};
}

std::set<std::string> ConfigTree::modules_changed_to(const ConfigTree& newer) const {
    std::set<const lysc_node*> looked_at;
    std::set<std::string> modules;
    for (const auto* tree : {tree_.get(), newer.tree_.get()})
        for (const auto* node = set_from(tree); node; node = set_from(node->next))
            if (looked_at.insert(node->schema).second &&
                !same_all(node->schema, tree_.get(), newer.tree_.get()))
                modules.insert(lyd_owner_module(node)->name);
    return modules;
}

Result<std::vector<ConfigChange>> ConfigTree::changes_to(const ConfigTree& newer) const {
    Different different;
    different.look(tree_.get(), newer.tree_.get());
    lyd_node* difference = nullptr;
    if (lyd_diff_siblings(different.older(), different.newer(), 0, &difference) != LY_SUCCESS)
        return fail(Errc::io, "compare the configurations: {}",
                    yang::last_errors(schema_.context()));
    const yang::Tree owned(difference);
    return Changes().of(difference);
}

}  // namespace cutover
