#pragma once

#include <span>
#include <string_view>

#include "model/security_config.h"

namespace cutover {

// One row for each method that a door of this device may serve.
struct MethodRole {
    std::string_view method;  // "/gnoi.os.OS/Install"
    Role role = Role::admin;  // who may call it
    bool audited = true;      // each call goes into the audit log; refused ones always do
};

std::span<const MethodRole> method_roles();              // sorted by name
const MethodRole* find_method(std::string_view method);  // nullptr: there is no row

}  // namespace cutover
