#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace cutover {

// Configuration as RFC 7951 writes it, without any schema, to be changed by migrations. It is made
// for hundreds of thousands of entries: a node is 40 bytes, and texts lie one after the other.
//
// Names are kept with their module ("net:speed") also where JSON leaves it out because it is the
// parent's; so a node can be moved below one of another module and is still the same.
class ConfigDocument {
public:
    using NodeId = std::uint32_t;  // 0: none
    using NameId = std::uint32_t;  // 0: none, as entries of arrays have

    enum class Kind : std::uint8_t {
        object,
        array,
        text,
        literal,  // a number, true, false or null: as it is written
    };

    struct Node {
        NameId name = 0;
        NodeId parent = 0;
        NodeId next = 0;
        NodeId first = 0;  // what is below it
        NodeId last = 0;
        NodeId origin = 0;  // of a copy: the node in the document that it was copied from
        std::uint32_t size = 0;
        Kind kind = Kind::object;
        const char* text = nullptr;
    };

    static constexpr NodeId kRoot = 1;
    static constexpr std::size_t kMaxDepth = 100;

    ConfigDocument();  // {}
    // config.unreadable: no JSON object, too large, too deep, or a name twice in one object.
    static Result<ConfigDocument> parse(std::string_view json);

    // A document in which each node remembers which one of this it comes from. Both share names and
    // texts, and are for one thread.
    ConfigDocument copy() const;
    ConfigDocument empty_beside() const;  // {}, with the names of this
    // What `json` says, with the names of this. Nodes have no origin.
    Result<ConfigDocument> parse_beside(std::string_view json) const;

    std::string write() const;  // on one line
    std::string write(NodeId node) const;

    const Node& at(NodeId node) const { return nodes_[node]; }
    std::size_t size() const { return nodes_.size(); }  // one more than the largest node
    std::string_view text(NodeId node) const { return {at(node).text, at(node).size}; }
    bool is_null(NodeId node) const;  // also [null], which says that a leaf without value is there
    bool is_term(NodeId node) const;  // a value

    // The number of a name such as "net:speed"; the same in all copies.
    NameId name(std::string_view qualified);
    std::string_view name_text(NameId name) const;
    std::string_view module_of(NameId name) const;
    std::string_view local_of(NameId name) const;

    NodeId member(NodeId object, NameId name) const;  // 0: there is none
    NodeId add(NodeId parent, NameId name, Kind kind, std::string_view text = {});
    NodeId add_copy(NodeId parent, NameId name, const ConfigDocument& from, NodeId node);
    void set(NodeId node, Kind kind, std::string_view text);  // of what has nothing below it
    void set_name(NodeId node, NameId name) { nodes_[node].name = name; }
    void set_origin(NodeId node, NodeId origin) { nodes_[node].origin = origin; }
    void move(NodeId node, NodeId parent, NameId name);  // to the end
    // Out of its parent; in time that grows with its place among the siblings.
    void unlink(NodeId node);
    // Takes out of `parent` each child for which `gone` says so; one pass.
    template <typename Gone>
    void unlink_if(NodeId parent, const Gone& gone) {
        NodeId before = 0;
        for (auto node = at(parent).first; node != 0;) {
            const auto next = at(node).next;
            if (gone(node))
                cut(parent, before, node);
            else
                before = node;
            node = next;
        }
    }

private:
    struct Texts;
    friend class DocumentBuilder;

    void cut(NodeId parent, NodeId before, NodeId node);
    void append(NodeId parent, NodeId node);

    std::shared_ptr<Texts> texts_;
    std::deque<Node> nodes_;
};

}  // namespace cutover
