#include "platform/emulated/boot_log.h"

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "model/slot.h"
#include "platform/boot_control.h"

namespace cutover {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxReportBytes = std::size_t{1024} * 1024;

std::optional<Slot> slot_from(const Json& value) {
    for (const auto slot : {Slot::a, Slot::b})
        if (value == to_string(slot)) return slot;
    return std::nullopt;
}

std::optional<BootReason> reason_from(const Json& value) {
    for (const auto reason :
         {BootReason::normal, BootReason::trial, BootReason::fallback, BootReason::rescue})
        if (value == to_string(reason)) return reason;
    return std::nullopt;
}

template <typename Record>
bool read_common(const Json& json, Record& record, Slot Record::* slot, const char* text_key,
                 std::string Record::* text) {
    const auto read_slot = slot_from(json.value("slot", Json()));
    const auto reason = reason_from(json.value("reason", Json()));
    const auto said = json.value(text_key, Json());
    if (!read_slot || !reason || !said.is_string()) return false;
    record.*slot = *read_slot;
    record.reason = *reason;
    record.*text = said.template get<std::string>();
    return true;
}

Json to_json(const BootFailure& failure) {
    return {{"slot", to_string(failure.slot)},
            {"reason", to_string(failure.reason)},
            {"text", failure.text}};
}

}  // namespace

Result<> write_boot_report(const std::filesystem::path& file, const BootReport& report) {
    auto failures = Json::array();
    for (const auto& failure : report.failures) failures.push_back(to_json(failure));
    const Json json{{"slot", to_string(report.booted)},
                    {"reason", to_string(report.reason)},
                    {"detail", report.detail},
                    {"up", report.up},
                    {"boot_id", report.boot_id},
                    {"failures", std::move(failures)},
                    {"layers_trial", report.layers_trial},
                    {"layers_fell_back", report.layers_fell_back}};
    // What a service said may not be UTF-8.
    const auto text = json.dump(2, ' ', false, Json::error_handler_t::replace);
    return write_file_durably(file, text + "\n", 0644);
}

Result<BootReport> read_boot_report(const std::filesystem::path& file) {
    const auto text = TRY(read_file(file, kMaxReportBytes));
    const auto json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    const auto bad = [&] { return fail(Errc::corrupt, "{} is damaged", file.string()); };
    BootReport report;
    if (!json.is_object()) return bad();
    if (!read_common(json, report, &BootReport::booted, "detail", &BootReport::detail))
        return bad();
    const auto up = json.value("up", Json());
    const auto boot_id = json.value("boot_id", Json());
    const auto failures = json.value("failures", Json());
    if (!up.is_boolean() || !boot_id.is_string() || !failures.is_array()) return bad();
    report.up = up.get<bool>();
    report.boot_id = boot_id.get<std::string>();
    // Keys of later releases may be missing.
    report.layers_trial = json.value("layers_trial", Json()) == true;
    report.layers_fell_back = json.value("layers_fell_back", Json()) == true;
    for (const auto& item : failures) {
        BootFailure failure;
        if (!item.is_object() ||
            !read_common(item, failure, &BootFailure::slot, "text", &BootFailure::text))
            return bad();
        report.failures.push_back(std::move(failure));
    }
    return report;
}

}  // namespace cutover
