#pragma once

// References (YANG's leafref) that libyang would take square time for: to leaves that are no keys,
// of which it looks at each for each. For config/'s own files only.

#include <cstddef>
#include <libyang/libyang.h>
#include <string>
#include <unordered_map>
#include <vector>

#include "config/yang.h"

namespace cutover {

class References {
public:
    // Of all modules of the context, which does not check these references itself from then on.
    // Those with predicates, and those that are also in a union, stay libyang's.
    explicit References(ly_ctx* context);

    // Those that lead to nothing, at most so many: what libyang would say. In time that grows with
    // the tree.
    std::vector<yang::Complaint> broken(const lyd_node* tree, std::size_t max) const;

private:
    struct Path {
        const lysc_node* target = nullptr;
        std::size_t up = 0;     // how many parents up both meet; of an absolute one, none is
        bool absolute = false;  // then all of the tree is looked through
        std::string text;
    };
    std::unordered_map<const lysc_node*, Path> paths_;
};

}  // namespace cutover
