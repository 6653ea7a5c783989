#include "config/schema_fit.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <libyang/libyang.h>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include <fmt/core.h>

#include "config/config_document.h"
#include "config/schema_view.h"
#include "config/yang.h"

namespace cutover {
namespace {

using Kind = ConfigDocument::Kind;
using NodeId = ConfigDocument::NodeId;
using NameId = ConfigDocument::NameId;
using Tell = std::function<void(NodeId, const std::string&)>;

enum class Encoding : std::uint8_t { text, literal, either };

const lysc_type* type_of(const lysc_node* schema) {
    if (schema->nodetype == LYS_LEAF) return reinterpret_cast<const lysc_node_leaf*>(schema)->type;
    return reinterpret_cast<const lysc_node_leaflist*>(schema)->type;
}

// RFC 7951, section 6.
Encoding encoding_of(const lysc_type* type) {
    while (type->basetype == LY_TYPE_LEAFREF)
        type = reinterpret_cast<const lysc_type_leafref*>(type)->realtype;
    switch (type->basetype) {
        case LY_TYPE_INT8:
        case LY_TYPE_INT16:
        case LY_TYPE_INT32:
        case LY_TYPE_UINT8:
        case LY_TYPE_UINT16:
        case LY_TYPE_UINT32:
        case LY_TYPE_BOOL: return Encoding::literal;
        case LY_TYPE_INT64:
        case LY_TYPE_UINT64:
        case LY_TYPE_DEC64:
        case LY_TYPE_STRING:
        case LY_TYPE_BINARY:
        case LY_TYPE_BITS:
        case LY_TYPE_ENUM:
        case LY_TYPE_IDENT:
        case LY_TYPE_INST: return Encoding::text;
        case LY_TYPE_UNKNOWN:
        case LY_TYPE_LEAFREF:
        case LY_TYPE_EMPTY:
        case LY_TYPE_UNION: break;
    }
    return Encoding::either;
}

// Whether a value written in this way may be meant for one of the union's types.
bool takes(const lysc_type* type, Encoding encoding) {
    const auto* const types = reinterpret_cast<const lysc_type_union*>(type)->types;
    for (LY_ARRAY_COUNT_TYPE i = 0; i < LY_ARRAY_COUNT(types); ++i)
        if (encoding_of(types[i]) == encoding || encoding_of(types[i]) == Encoding::either)
            return true;
    return false;
}

bool is_literal(std::string_view text) {
    if (text == "true" || text == "false") return true;
    if (text.starts_with('-')) text.remove_prefix(1);
    const bool zero = text.starts_with('0') && text.size() > 1;  // JSON has no 007
    return !text.empty() && !zero && text.find_first_not_of("0123456789") == text.npos;
}

class Fit {
public:
    Fit(ConfigDocument& document, SchemaView& view, FitDepth depth, const Tell& tell)
        : document_(document), view_(view), depth_(depth), tell_(tell) {}

    // As deep as the document, which is bounded.
    void members(NodeId object, const lysc_node* parent) {
        document_.unlink_if(object, [&](NodeId member) {
            const auto name = document_.at(member).name;
            const auto* const schema = view_.child(parent, name).node;
            const auto why = schema ? unfit(member, schema) : unknown(name, parent);
            if (why.empty()) return false;
            tell_(member, why);
            return true;
        });
        sort(object, parent);
    }

private:
    // As libyang orders them: so it need not look for each node's place.
    void sort(NodeId object, const lysc_node* parent) {
        places_.clear();
        bool sorted = true;
        for (auto at = document_.at(object).first; at != 0; at = document_.at(at).next) {
            const auto name = document_.at(at).name;
            const auto module = parent ? std::string_view() : document_.module_of(name);
            places_.push_back({module, view_.child(parent, name).place, at});
            const auto last = places_.size() - 1;
            sorted = sorted && (last == 0 || places_[last - 1] < places_[last]);
        }
        if (sorted) return;
        std::ranges::sort(places_);
        for (const auto& place : places_) {
            const auto node = std::get<NodeId>(place);
            document_.move(node, object, document_.at(node).name);
        }
    }

    std::string unknown(NameId name, const lysc_node* parent) const {
        const std::string module_name(document_.module_of(name));
        if (module_name.empty()) return "its module is not named";
        const auto* const module =
            ly_ctx_get_module_implemented(view_.schema().context(), module_name.c_str());
        if (!module) return fmt::format("module {} is gone", module_name);
        return fmt::format("{} has no {}{}", module_text(module), document_.local_of(name),
                           parent ? fmt::format(" in {}", parent->name) : "");
    }

    std::string other_shape(const lysc_node* schema) const {
        return fmt::format("{} is a {} in {}", schema->name, lys_nodetype2str(schema->nodetype),
                           module_text(schema->module));
    }

    // Why the node cannot stay; empty: it can, without what was told of below it.
    std::string unfit(NodeId node, const lysc_node* schema) {
        if ((schema->flags & LYS_CONFIG_W) == 0)
            return fmt::format("{} is no configuration in {}", schema->name,
                               module_text(schema->module));
        const auto kind = document_.at(node).kind;
        switch (schema->nodetype) {
            case LYS_CONTAINER:
                if (kind != Kind::object) return other_shape(schema);
                members(node, schema);
                return {};
            case LYS_LEAF:
                if (!document_.is_term(node)) return other_shape(schema);
                return unfit_value(node, schema);
            case LYS_LIST:
            case LYS_LEAFLIST:
                if (kind != Kind::array) return other_shape(schema);
                document_.unlink_if(node, [&](NodeId entry) {
                    const auto why = schema->nodetype == LYS_LIST ? unfit_entry(entry, schema)
                                                                  : unfit_leaf_entry(entry, schema);
                    if (why.empty()) return false;
                    tell_(entry, why);
                    return true;
                });
                return {};
            default: return {};  // anydata takes all
        }
    }

    std::string unfit_entry(NodeId entry, const lysc_node* schema) {
        if (document_.at(entry).kind != Kind::object) return other_shape(schema);
        for (const auto key : view_.keys(schema)) {
            const auto member = document_.member(entry, key);
            if (member == 0) return fmt::format("its key {} is not there", document_.local_of(key));
            // Without one of its keys it would not be itself.
            const auto why = unfit(member, view_.child(schema, key).node);
            if (!why.empty()) return why;
        }
        members(entry, schema);
        return {};
    }

    std::string unfit_leaf_entry(NodeId entry, const lysc_node* schema) {
        if (!document_.is_term(entry)) return other_shape(schema);
        return unfit_value(entry, schema);
    }

    void encode(NodeId node, Encoding encoding) {
        const auto text = document_.text(node);
        const auto kind = document_.at(node).kind;
        if (encoding == Encoding::text && kind == Kind::literal)
            document_.set(node, Kind::text, text);
        if (encoding == Encoding::literal && kind == Kind::text && is_literal(text))
            document_.set(node, Kind::literal, text);
    }

    std::string unfit_value(NodeId node, const lysc_node* schema) {
        const auto* const type = type_of(schema);
        encode(node, encoding_of(type));
        if (depth_ == FitDepth::names) return {};
        const auto text = document_.text(node);
        const auto* const context = view_.schema().context();
        const lysc_type* real = nullptr;
        const auto taken = lyd_value_validate(context, schema, text.data() ? text.data() : "",
                                              text.size(), nullptr, &real, nullptr);
        // What refers to another leaf is looked for when all is there.
        if (taken == LY_SUCCESS || taken == LY_EINCOMPLETE) {
            const auto own =
                document_.at(node).kind == Kind::text ? Encoding::text : Encoding::literal;
            if (type->basetype == LY_TYPE_UNION && real && !takes(type, own))
                encode(node, encoding_of(real));
            return {};
        }
        const auto complaints = yang::take_complaints(context);
        return complaints.empty() ? "it is no value of its type" : complaints.front().message;
    }

    ConfigDocument& document_;
    SchemaView& view_;
    FitDepth depth_;
    const Tell& tell_;
    std::vector<std::tuple<std::string_view, std::size_t, NodeId>> places_;  // room for sort()
};

}  // namespace

void fit(ConfigDocument& document, SchemaView& view, FitDepth depth, const Tell& tell) {
    Fit(document, view, depth, tell).members(ConfigDocument::kRoot, nullptr);
}

}  // namespace cutover
