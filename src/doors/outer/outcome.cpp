#include "doors/outer/outcome.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/core.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <grpcpp/support/status.h>

#include "base/url.h"
#include "base/utf8.h"

namespace cutover {
namespace {

namespace pb = google::protobuf;

constexpr std::size_t kMaxDetailBytes = 512;
constexpr std::size_t kMaxUrlBytes = 4096;  // no door takes a longer one
constexpr int kMaxDepth = 2;                // of messages in a request

std::string shown(std::string_view text) { return shown_utf8(text, kMaxDetailBytes); }

// "transfer.stalled" of "[transfer.stalled] what happened".
std::string id_in(std::string_view text) {
    if (!text.starts_with('[')) return {};
    const auto id = text.substr(1, text.find(']') - 1);
    const bool plain = std::ranges::all_of(id, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_';
    });
    return plain ? std::string(id) : "";
}

std::string enum_in(const pb::Message& message, const char* name) {
    const auto* const field = message.GetDescriptor()->FindFieldByName(name);
    if (field == nullptr || field->is_repeated() ||
        field->cpp_type() != pb::FieldDescriptor::CPPTYPE_ENUM)
        return {};
    return message.GetReflection()->GetEnum(message, field)->name();
}

// Not copied: it may have 16 MiB.
std::string_view text_in(const pb::Message& message, const char* name) {
    const auto* const field = message.GetDescriptor()->FindFieldByName(name);
    if (field == nullptr || field->is_repeated() ||
        field->cpp_type() != pb::FieldDescriptor::CPPTYPE_STRING)
        return {};
    // Generated messages hold a std::string: there is nothing to be made in a place of ours.
    return message.GetReflection()->GetStringReference(message, field, nullptr);
}

std::int64_t number_in(const pb::Message& message, const char* name) {
    const auto* const field = message.GetDescriptor()->FindFieldByName(name);
    if (field == nullptr || field->is_repeated() ||
        field->cpp_type() != pb::FieldDescriptor::CPPTYPE_INT64)
        return 0;
    return message.GetReflection()->GetInt64(message, field);
}

Outcome failed(const std::string& name, std::string_view detail) {
    const auto id = id_in(detail);
    return {.result = id.empty() ? name : id, .detail = shown(detail)};
}

std::string_view name_of(grpc::StatusCode code) {
    constexpr std::array<std::string_view, 17> kNames{
        "ok",        "cancelled",      "unknown",           "invalid_argument", "deadline",
        "not_found", "already_exists", "permission_denied", "exhausted",        "wrong_state",
        "aborted",   "out_of_range",   "unimplemented",     "internal",         "unavailable",
        "data_loss", "unauthenticated"};
    const auto at = static_cast<std::size_t>(code);
    return at < kNames.size() ? kNames.at(at) : "unknown";
}

std::string shown_url(std::string_view url) {
    return url.size() > kMaxUrlBytes ? fmt::format("a URL of {} bytes", url.size())
                                     : without_secrets(url);
}

// A file on the device, or where gNOI fetches something from: that may lack its scheme.
std::string shown_path(std::string_view path) {
    if (path.starts_with('/')) return shown(path);
    if (path.size() > kMaxUrlBytes || path.contains("://")) return shown_url(path);
    constexpr std::string_view kAny = "any://";
    return without_secrets(std::string(kAny).append(path)).substr(kAny.size());
}

std::string subject_within(const pb::Message& message, int depth) {
    for (const auto* const name : {"image_url", "config_url", "location_url"})
        if (const auto url = text_in(message, name); !url.empty()) return shown_url(url);
    if (const auto path = text_in(message, "path"); !path.empty()) return shown_path(path);
    for (const auto* const name : {"remote_file", "filename", "version"})
        if (const auto text = text_in(message, name); !text.empty()) return shown(text);
    if (depth == 0) return {};
    for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
        const auto* const field = message.GetDescriptor()->field(i);
        if (field->is_repeated() || field->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE ||
            !message.GetReflection()->HasField(message, field))
            continue;
        auto found = subject_within(message.GetReflection()->GetMessage(message, field), depth - 1);
        if (!found.empty()) return found;
    }
    return {};
}

}  // namespace

Outcome outcome_in(const pb::Message& reply) {
    const auto status = enum_in(reply, "status");
    if (status == "ERROR_STATUS" || status == "ERROR")  // the second of UploadDebugInfo
        return failed(enum_in(reply, "reason"), text_in(reply, "reason_detail"));
    if (const auto revision = number_in(reply, "revision"); revision != 0)
        return {.result = "ok", .detail = fmt::format("revision {}", revision)};
    for (int i = 0; i < reply.GetDescriptor()->field_count(); ++i) {
        const auto* const field = reply.GetDescriptor()->field(i);
        if (field->is_repeated() || field->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE ||
            !std::string_view(field->name()).ends_with("_error") ||
            !reply.GetReflection()->HasField(reply, field))
            continue;
        const auto& error = reply.GetReflection()->GetMessage(reply, field);
        const auto type = enum_in(error, "type");
        return failed(type.empty() ? field->name() : type, text_in(error, "detail"));
    }
    return {};
}

Outcome outcome_of(const grpc::Status& status) {
    return failed(std::string(name_of(status.error_code())), status.error_message());
}

std::string subject_of(const pb::Message& request) {
    return shown(subject_within(request, kMaxDepth));
}

}  // namespace cutover
