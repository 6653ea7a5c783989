#include "access/audit_line.h"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/core.h>

#include "access/errors.h"
#include "base/error.h"
#include "base/utf8.h"
#include "crypto/digest.h"

namespace cutover {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kHashField = R"(,"hash":")";
constexpr std::string_view kEnd = R"("})";
constexpr std::size_t kHashSize = 2 * Digest::kSize;
constexpr std::size_t kClosing = kHashField.size() + kHashSize + kEnd.size();
constexpr std::size_t kMaxName = 128;
constexpr std::size_t kMaxDetail = 512;

std::string closed(std::string text) {  // `text`: an object without its closing bracket
    const auto hash = to_hex(sha256(text));
    return text.append(kHashField).append(hash).append(kEnd);
}

// The text before the hash, where that is right.
Result<std::string_view> opened(std::string_view text, Digest& hash) {
    if (text.size() < kClosing) return fail(errors::access_audit_broken, "it is too short");
    const auto body = text.substr(0, text.size() - kClosing);
    const auto closing = text.substr(body.size());
    if (!closing.starts_with(kHashField) || !closing.ends_with(kEnd))
        return fail(errors::access_audit_broken, "it does not end with its hash");
    const auto written = digest_from_hex(closing.substr(kHashField.size(), kHashSize));
    if (!written) return fail(errors::access_audit_broken, "its hash is none");
    hash = sha256(body);
    if (hash != *written)
        return fail(errors::access_audit_broken, "its content does not fit its hash");
    return body;
}

Result<Json> object_of(std::string_view body) {
    auto object = Json::parse(std::string(body) + "}", nullptr, false);  // false: throws nothing
    if (!object.is_object()) return fail(errors::access_audit_broken, "it is no JSON object");
    return object;
}

std::optional<std::uint64_t> number(const Json& object, const char* key) {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_number_unsigned()) return std::nullopt;
    return found->get<std::uint64_t>();
}

std::string text(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found == object.end() || !found->is_string() ? "" : found->get<std::string>();
}

std::string without_closing(const Json& object) {
    auto dumped = object.dump();
    dumped.pop_back();
    return dumped;
}

}  // namespace

std::string audit_line(const AuditEntry& entry, std::uint64_t seq, const Digest& previous) {
    const auto name = [](const std::string& value) { return shown_utf8(value, kMaxName); };
    Json object{{"seq", seq},
                {"time", name(entry.time)},
                {"who", name(entry.who)},
                {"proof", name(entry.proof)},
                {"from", name(entry.from)},
                {"role", name(entry.role)},
                {"method", name(entry.method)},
                {"result", name(entry.result)},
                {"detail", shown_utf8(entry.detail, kMaxDetail)}};
    if (entry.begun != 0) object["begun"] = entry.begun;
    object["previous"] = to_hex(previous);
    return closed(without_closing(object));
}

Result<AuditLine> parse_audit_line(std::string_view line) {
    AuditLine parsed;
    const auto body = TRY(opened(line, parsed.hash));
    const auto object = TRY(object_of(body));
    const auto seq = number(object, "seq");
    const auto previous = digest_from_hex(text(object, "previous"));
    if (!seq || !previous) return fail(errors::access_audit_broken, "it lacks seq or previous");
    parsed.seq = *seq;
    parsed.previous = *previous;
    parsed.entry = {.time = text(object, "time"),
                    .who = text(object, "who"),
                    .proof = text(object, "proof"),
                    .from = text(object, "from"),
                    .role = text(object, "role"),
                    .method = text(object, "method"),
                    .result = text(object, "result"),
                    .detail = text(object, "detail"),
                    .begun = number(object, "begun").value_or(0)};
    return parsed;
}

std::string audit_head_text(const AuditHead& head) {
    return closed(without_closing(
               Json{{"first", head.first}, {"seq", head.seq}, {"newest", to_hex(head.hash)}})) +
           "\n";
}

Result<AuditHead> parse_audit_head(std::string_view text_of_file) {
    if (!text_of_file.ends_with('\n'))
        return fail(errors::access_audit_broken, "it is not finished");
    text_of_file.remove_suffix(1);
    Digest check;
    const auto body = TRY(opened(text_of_file, check));
    const auto object = TRY(object_of(body));
    const auto first = number(object, "first");
    const auto seq = number(object, "seq");
    const auto hash = digest_from_hex(text(object, "newest"));
    if (!first || !seq || !hash) return fail(errors::access_audit_broken, "it lacks a field");
    return AuditHead{.first = *first, .seq = *seq, .hash = *hash};
}

}  // namespace cutover
