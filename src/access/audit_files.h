#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/audit_line.h"
#include "base/error.h"

// The audit log's files, for reading. For access/'s own use and that of `cutover audit`.
namespace cutover {

std::filesystem::path audit_file(const std::filesystem::path& device, int number);  // 0: newest

// What is wrong, and where.
struct AuditProblem {
    std::string file;
    std::size_t line = 0;  // in that file, from 1; 0: the file as a whole
    std::string what;
};

struct AuditReport {
    std::uint64_t lines = 0;
    std::uint64_t first = 0;  // both 0: there is none
    std::uint64_t last = 0;
    std::string since;  // the first line's time
    std::size_t files = 0;
    std::optional<AuditProblem> problem;  // the first one
};

// Reads all files, as they are at one instant. An error: they cannot be read.
Result<AuditReport> verify_audit_log(const std::filesystem::path& device);

// A line as it stands there; `parsed` where it is whole.
struct ShownAuditLine {
    std::string text;
    std::optional<AuditLine> parsed;
};

// The last `count` lines, oldest first.
Result<std::vector<ShownAuditLine>> last_audit_lines(const std::filesystem::path& device,
                                                     std::size_t count);

}  // namespace cutover
