#pragma once

// A document seen through a schema. For config/'s own files only: it shows libyang.

#include <cstddef>
#include <libyang/libyang.h>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "config/config_document.h"
#include "config/yang_schema.h"

namespace cutover {

class SchemaView {
public:
    // `names`: of the documents that are looked at, all copies of one.
    SchemaView(const YangSchema& schema, const ConfigDocument& names);

    struct Child {
        const lysc_node* node = nullptr;  // null: there is none
        std::size_t place = 0;            // among those of its parent, as libyang orders them
    };
    // The data node below `parent` (null: at the top) that has this name. Its second time costs a
    // look into a table.
    Child child(const lysc_node* parent, ConfigDocument::NameId name);
    // Of a node of `document`, whose names are those this was made with; null when unknown.
    const lysc_node* schema_of(const ConfigDocument& document, ConfigDocument::NodeId node);

    // The members of an entry that its list is ordered by; empty for a list without keys.
    const std::vector<ConfigDocument::NameId>& keys(const lysc_node* list);
    // What makes an entry of a list or leaf-list this one and no other; empty when that is nothing.
    std::string identity(const ConfigDocument& document, const lysc_node* schema,
                         ConfigDocument::NodeId entry);

    // "/net:net/port[name='e0']/speed"; entries without keys by their place: "[3]".
    std::string path(const ConfigDocument& document, ConfigDocument::NodeId node);

    const YangSchema& schema() const { return schema_; }

private:
    struct Place {
        const lysc_node* parent;
        ConfigDocument::NameId name;
        bool operator==(const Place&) const = default;
    };
    struct Hash {
        std::size_t operator()(const Place& place) const;
    };
    void learn(const lysc_node* parent, const lys_module* module);
    std::string predicate(const ConfigDocument& document, const lysc_node* schema,
                          ConfigDocument::NodeId entry);

    YangSchema schema_;
    ConfigDocument names_;  // empty, but with the names
    std::unordered_map<Place, Child, Hash> children_;
    // Whose children are all in the table: nodes, and modules for those at the top.
    std::unordered_set<const void*> learned_;
    std::unordered_map<const lysc_node*, std::vector<ConfigDocument::NameId>> keys_;
};

// Its revision as people read it: "net 2026-01-01".
std::string module_text(const lys_module* module);

}  // namespace cutover
