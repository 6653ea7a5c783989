#include "doors/dmi/reasons.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "base/error.h"
#include "base/utf8.h"
#include "dmi/sw_image.pb.h"
#include "dmi/sw_management_service.pb.h"

namespace cutover::dmi_wire {
namespace {

using Image = ::dmi::ImageStatus;
using Config = ::dmi::ConfigResponse;
using Upload = ::dmi::UploadDebugInfoStatus;

// What an operation on an image, one on the startup configuration, and an upload say.
struct Row {
    std::string_view id;  // of an error, or of a family: "check." is every check
    Image::Reason image;
    Config::Reason config;
    Upload::Reason upload;
};

constexpr auto kImageRequest = Image::ERROR_IN_REQUEST;
constexpr auto kImageInternal = Image::INTERNAL_ERROR;
constexpr auto kImageState = Image::DEVICE_IN_WRONG_STATE;
constexpr auto kImageInvalid = Image::INVALID_IMAGE;
constexpr auto kImageBusy = Image::OPERATION_ALREADY_IN_PROGRESS;
constexpr auto kConfigInternal = Config::INTERNAL_ERROR;
constexpr auto kConfigFetch = Config::ERROR_FETCHING_CONFIG;
constexpr auto kConfigInvalid = Config::INVALID_CONFIG;
constexpr auto kConfigBusy = Config::OPERATION_ALREADY_IN_PROGRESS;
constexpr auto kUploadInternal = Upload::INTERNAL_ERROR;
constexpr auto kUploadRequest = Upload::ERROR_IN_REQUEST;
constexpr auto kUploadBroken = Upload::ERROR_DURING_UPLOAD;
constexpr auto kUploadUnreachable = Upload::REMOTE_LOCATION_UNREACHABLE;
constexpr auto kUploadDenied = Upload::REMOTE_LOCATION_PERMISSION_DENIED;
constexpr auto kUploadState = Upload::DEVICE_IN_WRONG_STATE;
constexpr auto kUploadBusy = Upload::OPERATION_ALREADY_IN_PROGRESS;

// The first row that fits counts: an id before its family.
constexpr std::array kRows{
    Row{"transfer.wrong_checksum", Image::WRONG_IMAGE_CHECKSUM, kConfigInvalid, kUploadRequest},
    Row{"transfer.bad_checksum", kImageRequest, kConfigFetch, kUploadRequest},
    Row{"transfer.bad_source", kImageRequest, kConfigFetch, kUploadRequest},
    Row{"transfer.not_found", kImageRequest, kConfigFetch, kUploadRequest},
    Row{"transfer.denied", kImageRequest, kConfigFetch, kUploadDenied},
    Row{"transfer.redirect", kImageRequest, kConfigFetch, kUploadRequest},
    Row{"transfer.unreachable", kImageRequest, kConfigFetch, kUploadUnreachable},
    Row{"transfer.", kImageInternal, kConfigFetch, kUploadBroken},
    Row{"package.", kImageInvalid, kConfigInvalid, kUploadInternal},
    Row{"signature.", kImageInvalid, kConfigInvalid, kUploadInternal},
    Row{"manifest.", kImageInvalid, kConfigInvalid, kUploadInternal},
    Row{"trial.not_committed", kImageInternal, kConfigInternal, kUploadInternal},
    Row{"trial.", kImageInvalid, kConfigInternal, kUploadInternal},
    Row{"check.space", kImageInternal, kConfigInternal, kUploadInternal},
    Row{"check.health", kImageState, kConfigInternal, kUploadState},
    Row{"check.pending_reboot", kImageState, kConfigInternal, kUploadState},
    Row{"check.", kImageInvalid, kConfigInternal, kUploadInternal},
    Row{"plan.other_image", kImageInvalid, kConfigInternal, kUploadInternal},
    Row{"plan.one_base", kImageRequest, kConfigInternal, kUploadInternal},
    Row{"plan.unresolvable", kImageInvalid, kConfigInternal, kUploadInternal},
    Row{"plan.", kImageState, kConfigInternal, kUploadState},
    Row{"operation.busy", kImageBusy, kConfigBusy, kUploadBusy},
    Row{"operation.package_changed", kImageInvalid, kConfigInternal, kUploadInternal},
    Row{"operation.cancelled", kImageInternal, kConfigInternal, kUploadInternal},
    Row{"operation.interrupted", kImageInternal, kConfigInternal, kUploadInternal},
    Row{"operation.timeout", kImageInternal, kConfigInternal, kUploadInternal},
    Row{"operation.pack_members", kImageInvalid, kConfigInternal, kUploadInternal},
    Row{"operation.", kImageState, kConfigInternal, kUploadState},
    Row{"tree.", kImageInvalid, kConfigInternal, kUploadInternal},
    Row{"startup_config.none", kImageInternal, kConfigInternal, kUploadInternal},
    Row{"startup_config.", kImageInternal, kConfigInvalid, kUploadInternal},
    Row{"door.dmi_unknown_device", Image::UNKNOWN_DEVICE, Config::UNKNOWN_DEVICE,
        Upload::UNKNOWN_DEVICE},
    Row{"door.dmi_bad_request", kImageRequest, kConfigFetch, kUploadRequest},
    Row{"agent.ending", Image::DEVICE_NOT_REACHABLE, Config::DEVICE_UNREACHABLE,
        Upload::DEVICE_NOT_REACHABLE},
};

struct KindRow {
    Errc kind;
    Image::Reason image;
    Config::Reason config;
    Upload::Reason upload;
};

constexpr std::array kKinds{
    KindRow{Errc::invalid, kImageRequest, kConfigInvalid, kUploadRequest},
    KindRow{Errc::not_found, kImageRequest, kConfigFetch, kUploadRequest},
    KindRow{Errc::conflict, kImageInternal, kConfigInternal, kUploadInternal},
    KindRow{Errc::refused, kImageState, kConfigInternal, kUploadState},
    KindRow{Errc::untrusted, kImageInvalid, kConfigInvalid, kUploadInternal},
    KindRow{Errc::corrupt, kImageInternal, kConfigInternal, kUploadInternal},
    KindRow{Errc::no_space, kImageInternal, kConfigInternal, kUploadInternal},
    KindRow{Errc::io, kImageInternal, kConfigInternal, kUploadInternal},
    KindRow{Errc::timeout, kImageInternal, kConfigInternal, kUploadInternal},
    KindRow{Errc::cancelled, kImageInternal, kConfigInternal, kUploadInternal},
    KindRow{Errc::unsupported, kImageInternal, kConfigInternal, kUploadInternal},
    KindRow{Errc::unavailable, kImageInternal, kConfigInternal, kUploadInternal},
};

constexpr bool kinds_follow_the_enum() {
    for (std::size_t i = 0; i < kKinds.size(); ++i)
        if (std::to_underlying(kKinds.at(i).kind) != i) return false;
    return kKinds.back().kind == Errc::unavailable;  // the last enumerator
}
static_assert(kinds_follow_the_enum());

// The reason in the column that `of_row` and `of_kind` point at.
template <typename Reason>
Reason reason_of(const Error& error, Reason Row::* of_row, Reason KindRow::* of_kind) {
    const auto* const row = std::ranges::find_if(kRows, [&](const Row& candidate) {
        return candidate.id.ends_with('.') ? error.id.starts_with(candidate.id)
                                           : error.id == candidate.id;
    });
    if (row != kRows.end()) return *row.*of_row;
    return kKinds.at(std::to_underlying(error.kind)).*of_kind;
}

}  // namespace

::dmi::ImageStatus::Reason image_reason(const Error& error) {
    return reason_of(error, &Row::image, &KindRow::image);
}

::dmi::ConfigResponse::Reason config_reason(const Error& error) {
    return reason_of(error, &Row::config, &KindRow::config);
}

::dmi::UploadDebugInfoStatus::Reason upload_reason(const Error& error) {
    return reason_of(error, &Row::upload, &KindRow::upload);
}

std::string reason_detail(const Error& error) {
    constexpr std::size_t kMaxBytes = 4096;
    return clipped_utf8(
        valid_utf8(fmt::format("[{}] {}; remedy: {}", error.id, error.text(), error.remedy)),
        kMaxBytes);
}

}  // namespace cutover::dmi_wire
