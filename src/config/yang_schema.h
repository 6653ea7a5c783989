#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/configuration.h"

struct ly_ctx;  // NOLINT(readability-identifier-naming): libyang's

namespace cutover {

class References;

// YANG modules (RFC 7950), compiled. What they import is looked for among them, and nowhere else
// but in the few that libyang has built in (ietf-inet-types, ietf-yang-types, ...). Cheap to copy;
// any thread may read it.
class YangSchema {
public:
    // Of the modules' texts, in any order; with all of their features. config.module.
    static Result<YangSchema> compile(const std::vector<std::string>& modules);

    const std::vector<YangModuleName>& modules() const { return modules_; }  // sorted by name
    const ly_ctx* context() const { return context_.get(); }
    const References& references() const { return *references_; }

private:
    YangSchema(std::shared_ptr<ly_ctx> context, std::shared_ptr<const References> references,
               std::vector<YangModuleName> modules);

    std::shared_ptr<ly_ctx> context_;
    std::shared_ptr<const References> references_;
    std::vector<YangModuleName> modules_;
};

}  // namespace cutover
