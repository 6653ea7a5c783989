#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "access/audit_line.h"
#include "base/error.h"

namespace cutover {

// What the end of an audit log looks like when somebody opens it.
struct AuditEnd {
    static Result<AuditEnd> find(const std::filesystem::path& device);

    bool head_there = false;
    std::optional<AuditHead> head;  // where it is whole
    bool lines_there = false;
    std::optional<AuditLine> last;  // where it is whole
    std::uint64_t torn = 0;         // bytes after the last line break

    // What is wrong; empty: nothing but perhaps a torn line, which a power cut explains.
    std::string damage() const;
    AuditHead goes_on_from() const;
};

Result<AuditLine> first_audit_line(const std::filesystem::path& file);

}  // namespace cutover
