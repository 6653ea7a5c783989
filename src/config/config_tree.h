#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "config/yang_schema.h"
#include "model/configuration.h"

struct lyd_node;  // NOLINT(readability-identifier-naming): libyang's

namespace cutover {

// A configuration: data of YANG modules, whole or not, valid or not. Paths are those of RFC 7951
// with a module's name at the top: /ietf-interfaces:interfaces/interface[name='eth0']/enabled.
class ConfigTree {
public:
    explicit ConfigTree(YangSchema schema);  // an empty one
    ~ConfigTree();
    ConfigTree(ConfigTree&&) noexcept;
    ConfigTree& operator=(ConfigTree&&) noexcept;
    ConfigTree(const ConfigTree&) = delete;
    ConfigTree& operator=(const ConfigTree&) = delete;

    // Takes what its modules know, and nothing else; does not validate. config.unreadable.
    static Result<ConfigTree> parse(const YangSchema& schema, std::string_view text,
                                    ConfigFormat format);
    ConfigTree copy() const;

    // All of it, or what is at `path`; without what is a default. config.no_such_path.
    Result<std::string> print(ConfigFormat format, const std::string& path = {}) const;
    // The value of a leaf, defaults included once it was validated. config.no_such_path.
    Result<std::string> value(const std::string& path) const;

    // Makes what is above it too. config.unreadable for what no module has or takes.
    Result<> set(const std::string& path, const std::string& value);
    Result<> erase(const std::string& path);  // with all below it; config.no_such_path
    Result<> merge(const ConfigTree& other);  // of the same schema; what is in both is `other`'s

    bool holds(const std::string& path) const;  // what is set there, or a default once validated
    bool has_order(const std::string& path) const;  // an entry whose place among others counts

    Result<> add_defaults();  // of what is not set; no rule is looked at

    // All rules of the modules: config.invalid, with libyang's reason and path. Adds defaults.
    Result<> validate();

    // Names of the modules at whose top something is set otherwise in `newer`, of the same schema.
    std::set<std::string> modules_changed_to(const ConfigTree& newer) const;

    // From this one to `newer`, of the same schema, in its order; without defaults.
    Result<std::vector<ConfigChange>> changes_to(const ConfigTree& newer) const;

private:
    struct Free {
        void operator()(lyd_node* tree) const;
    };
    Result<const lyd_node*> find(const std::string& path) const;

    YangSchema schema_;
    std::unique_ptr<lyd_node, Free> tree_;  // its first node at the top; null: nothing is set
};

}  // namespace cutover
