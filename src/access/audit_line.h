#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "crypto/digest.h"

namespace cutover {

// What the audit log says of one call. Made printable and cut to size when it is written.
struct AuditEntry {
    std::string time;  // as to_iso8601()
    std::string who;
    std::string proof;  // "local", "certificate", "password", "plaintext", "none"
    std::string from;
    std::string role;  // empty: of nobody
    std::string method;
    std::string result;  // "ok" or an error's id; kAuditBegun
    std::string detail;
    std::uint64_t begun = 0;  // the line that said so of this call; 0: there is none
    bool operator==(const AuditEntry&) const = default;
};

// One line. Its last field is the hash of all bytes before that field, and its second the hash of
// the line before it, so that no byte and no line can change without the next ones showing it.
struct AuditLine {
    std::uint64_t seq = 0;
    Digest previous;
    Digest hash;
    AuditEntry entry;
};

constexpr std::size_t kMaxAuditLine = std::size_t{16} * 1024;

std::string audit_line(const AuditEntry& entry, std::uint64_t seq, const Digest& previous);
Result<AuditLine> parse_audit_line(std::string_view line);  // access.audit_broken says why not

// The file audit.head: how far the log goes, so that nothing is cut off unseen.
struct AuditHead {
    std::uint64_t first = 1;  // the oldest line that is kept; older ones may be there
    std::uint64_t seq = 0;    // the newest line, or one shortly before it
    Digest hash;              // of that line
    bool operator==(const AuditHead&) const = default;
};

std::string audit_head_text(const AuditHead& head);
Result<AuditHead> parse_audit_head(std::string_view text);

// Of a call that changes something, before it does. The line of its end names this one; where no
// line does, the call is at work, or the agent was gone before it ended.
inline constexpr std::string_view kAuditBegun = "begun";

// Of lines that the log writes of itself.
inline constexpr std::string_view kAuditSelf = "audit log";
inline constexpr std::string_view kAuditTorn = "access.audit_torn";      // after a power cut
inline constexpr std::string_view kAuditLost = "access.audit_lost";      // after a full disk
inline constexpr std::string_view kAuditBroken = "access.audit_broken";  // it was changed

}  // namespace cutover
