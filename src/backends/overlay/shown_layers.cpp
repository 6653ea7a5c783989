#include "backends/overlay/shown_layers.h"

#include <cstddef>
#include <exception>
#include <expected>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "platform/layer_record.h"
#include "platform/layers.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t kMaxBytes = std::size_t{64} * 1024;
constexpr mode_t kMode = 0644;

fs::path request_file(const fs::path& device) { return device / "run" / "view-request.json"; }
fs::path report_file(const fs::path& scratch) { return scratch / "view-report.json"; }

json to_json(const Error& error) {
    return {{"kind", to_string(error.kind)}, {"id", error.id},
            {"message", error.message},      {"cause", error.cause},
            {"remedy", error.remedy},        {"general_cause", error.general_cause}};
}

Error error_from(const json& value) {
    return {.kind = errc_from(value.at("kind").get<std::string>()),
            .id = value.at("id").get<std::string>(),
            .message = value.at("message").get<std::string>(),
            .cause = value.at("cause").get<std::string>(),
            .remedy = value.at("remedy").get<std::string>(),
            .general_cause = value.at("general_cause").get<bool>()};
}

// nlohmann-json throws; nothing of ours does.
template <typename Read>
auto parsed(const fs::path& file, Read read) -> Result<decltype(read(json()))> {
    const auto text = TRY(read_file(file, kMaxBytes));
    try {
        return read(json::parse(text));
    } catch (const std::exception& problem) {
        return fail(Errc::corrupt, "{} cannot be read: {}", file.string(), problem.what());
    }
}

std::string text_of(const json& value) {
    return value.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace

Result<> write_view_request(const fs::path& device, const ViewRequest& request) {
    TRY(make_folders(device / "run"));
    return write_file_durably(
        request_file(device),
        text_of({{"id", request.id}, {"only_try", request.only_try}, {"stack", request.stack}}),
        kMode);
}

Result<ViewRequest> read_view_request(const fs::path& device) {
    auto request = TRY(parsed(request_file(device), [](const json& value) {
        return ViewRequest{.id = value.at("id").get<std::string>(),
                           .only_try = value.at("only_try").get<bool>(),
                           .stack = value.at("stack").get<LayerStack>()};
    }));
    TRY(check_stack(request.stack));
    return request;
}

Result<> write_view_report(const fs::path& scratch, const ViewReport& report) {
    json value{{"shown", report.shown}, {"trial", report.trial}, {"request", report.request}};
    if (!report.outcome) value["error"] = to_json(report.outcome.error());
    TRY(make_folders(scratch));
    return write_file_durably(report_file(scratch), text_of(value), kMode);
}

Result<ViewReport> read_view_report(const fs::path& scratch) {
    auto report = TRY(parsed(report_file(scratch), [](const json& value) {
        ViewReport read{.shown = value.at("shown").get<LayerStack>(),
                        .trial = value.at("trial").get<bool>(),
                        .request = value.at("request").get<std::string>(),
                        .outcome = {}};
        if (value.contains("error")) read.outcome = std::unexpected(error_from(value.at("error")));
        return read;
    }));
    TRY(check_stack(report.shown));
    return report;
}

}  // namespace cutover
