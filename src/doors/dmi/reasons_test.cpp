#include "doors/dmi/reasons.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "dmi/sw_image.pb.h"
#include "dmi/sw_management_service.pb.h"

namespace cutover::dmi_wire {
namespace {

using Image = ::dmi::ImageStatus;

Error error(std::string id, Errc kind = Errc::io) {
    return {.kind = kind, .id = std::move(id), .message = "m", .cause = "", .remedy = "r"};
}

TEST(Reasons, AnIdCountsBeforeItsFamilyAndThatBeforeItsKind) {
    EXPECT_EQ(image_reason(error("check.space", Errc::no_space)), Image::INTERNAL_ERROR);
    EXPECT_EQ(image_reason(error("check.hardware", Errc::refused)), Image::INVALID_IMAGE);
    EXPECT_EQ(image_reason(error("never.heard_of", Errc::refused)), Image::DEVICE_IN_WRONG_STATE);
    EXPECT_EQ(image_reason(error("checks.and.balances", Errc::io)), Image::INTERNAL_ERROR);
}

TEST(Reasons, ThoseThatClientsActOn) {
    struct Case {
        std::string id;
        Errc kind;
        Image::Reason reason;
    };
    const std::vector<Case> cases{
        {"transfer.wrong_checksum", Errc::untrusted, Image::WRONG_IMAGE_CHECKSUM},
        {"transfer.not_found", Errc::not_found, Image::ERROR_IN_REQUEST},
        {"transfer.timeout", Errc::timeout, Image::INTERNAL_ERROR},
        {"package.unsigned", Errc::untrusted, Image::INVALID_IMAGE},
        {"plan.other_image", Errc::refused, Image::INVALID_IMAGE},
        {"plan.never_committed", Errc::refused, Image::DEVICE_IN_WRONG_STATE},
        {"operation.needs_preview", Errc::refused, Image::DEVICE_IN_WRONG_STATE},
        {"stage.script_failed", Errc::conflict, Image::INTERNAL_ERROR},
        {"slot.no_partition", Errc::unavailable, Image::INTERNAL_ERROR},
        {"operation.busy", Errc::conflict, Image::OPERATION_ALREADY_IN_PROGRESS},
        {"trial.check_failed", Errc::conflict, Image::INVALID_IMAGE},
        {"agent.ending", Errc::unavailable, Image::DEVICE_NOT_REACHABLE}};
    for (const auto& one : cases)
        EXPECT_EQ(image_reason(error(one.id, one.kind)), one.reason) << one.id;
    EXPECT_EQ(config_reason(error("transfer.not_found", Errc::not_found)),
              ::dmi::ConfigResponse::ERROR_FETCHING_CONFIG);
    EXPECT_EQ(config_reason(error("transfer.wrong_checksum", Errc::untrusted)),
              ::dmi::ConfigResponse::INVALID_CONFIG);
    EXPECT_EQ(upload_reason(error("transfer.denied", Errc::refused)),
              ::dmi::UploadDebugInfoStatus::REMOTE_LOCATION_PERMISSION_DENIED);
}

TEST(Reasons, TheDetailNamesTheErrorAndTheRemedyAndIsBounded) {
    EXPECT_EQ(reason_detail(error("check.space")), "[check.space] m; remedy: r");
    auto long_one = error("x.y");
    long_one.message = std::string(100'000, 'x');
    EXPECT_LE(reason_detail(long_one).size(), 4096U);
}

}  // namespace
}  // namespace cutover::dmi_wire
