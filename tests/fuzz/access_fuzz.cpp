// What lies in a device's folder access/ and somebody may have written anything into: lines and the
// head of the audit log, and hashes of passwords. What is taken is exactly what would be written.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "access/audit_line.h"
#include "base/error.h"
#include "crypto/password_hash.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto line = cutover::parse_audit_line(text))
        CUTOVER_CHECK(cutover::audit_line(line->entry, line->seq, line->previous) == text);
    else
        CUTOVER_CHECK(!line.error().message.empty());
    if (const auto head = cutover::parse_audit_head(text)) {
        const auto again = cutover::parse_audit_head(cutover::audit_head_text(*head));
        CUTOVER_CHECK(again && *again == *head);
    }
    if (const auto hash = cutover::PasswordHash::parse(text)) CUTOVER_CHECK(hash->text() == text);
    return 0;
}
