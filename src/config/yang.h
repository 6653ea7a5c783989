#pragma once

// Owners of libyang's objects. For config/'s own files only: nobody else sees libyang.

#include <libyang/libyang.h>
#include <memory>
#include <string>
#include <vector>

namespace cutover::yang {

struct FreeContext {
    void operator()(ly_ctx* context) const { ly_ctx_destroy(context); }
};
using Context = std::shared_ptr<ly_ctx>;

struct FreeTree {
    void operator()(lyd_node* tree) const { lyd_free_all(tree); }
};
using Tree = std::unique_ptr<lyd_node, FreeTree>;  // its first sibling at the top

struct FreeText {
    void operator()(char* text) const;
};
using Text = std::unique_ptr<char, FreeText>;

// An empty context, which looks for no module in folders. Null when there is no memory.
Context make_context();

// One failure as libyang tells it.
struct Complaint {
    std::string message;
    std::string data_path;    // of the data concerned; empty where none is
    std::string schema_path;  // of the rule; empty where none is
};

// This thread's last failures; forgets them. libyang keeps them by thread and context.
std::vector<Complaint> take_complaints(const ly_ctx* context);
// As one text, each with its path.
std::string last_errors(const ly_ctx* context);
// Before what may fail: so that it is not given the reasons of others.
void forget_errors(const ly_ctx* context);

}  // namespace cutover::yang
