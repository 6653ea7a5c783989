// What the DMI door has to do with who may come in: roles of its methods, and what becomes of its
// replies in the audit log.

#include <string>

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include "dmi/hw_events_mgmt_service.pb.h"
#include "dmi/hw_management_service.pb.h"
#include "dmi/hw_metrics_mgmt_service.pb.h"
#include "dmi/sw_image.pb.h"
#include "dmi/sw_management_service.pb.h"
#include "doors/outer/method_rows.h"
#include "doors/outer/outcome.h"

namespace cutover {
namespace {

TEST(DmiAccess, EveryMethodHasARoleOfItsOwn) {
    for (const auto* const file : {::dmi::DownloadImageRequest::descriptor()->file(),
                                   ::dmi::RebootDeviceRequest::descriptor()->file(),
                                   ::dmi::EventsConfigurationRequest::descriptor()->file(),
                                   ::dmi::GetMetricRequest::descriptor()->file()}) {
        ASSERT_GT(file->service_count(), 0) << file->name();
        EXPECT_THAT(methods_without_row(*file), testing::IsEmpty());
    }
}

TEST(DmiAccess, ARefusalInsideAReplyIsTheResultOfTheCall) {
    ::dmi::ImageStatus status;
    EXPECT_EQ(outcome_in(status).result, "ok");
    status.set_status(::dmi::OK_STATUS);
    EXPECT_EQ(outcome_in(status).result, "ok");
    status.set_status(::dmi::ERROR_STATUS);
    status.set_reason(::dmi::ImageStatus::INVALID_IMAGE);
    EXPECT_EQ(outcome_in(status).result, "INVALID_IMAGE");
    status.set_reason_detail("[transfer.stalled] nothing came; remedy: try again");
    EXPECT_EQ(outcome_in(status).result, "transfer.stalled");
    EXPECT_EQ(outcome_in(status).detail, "[transfer.stalled] nothing came; remedy: try again");
    status.set_reason_detail("[Not an id] at all");
    EXPECT_EQ(outcome_in(status).result, "INVALID_IMAGE");
}

TEST(DmiAccess, AnUploadThatFailedIsNoSuccess) {
    using Upload = ::dmi::UploadDebugInfoStatus;
    Upload status;
    status.set_status(Upload::COMPLETE);
    EXPECT_EQ(outcome_in(status).result, "ok");
    status.set_status(Upload::ERROR);
    status.set_reason(Upload::REMOTE_LOCATION_UNREACHABLE);
    EXPECT_EQ(outcome_in(status).result, "REMOTE_LOCATION_UNREACHABLE");
}

TEST(DmiAccess, WhatARequestIsAboutIsToldWithoutItsSecrets) {
    ::dmi::DownloadImageRequest download;
    EXPECT_EQ(subject_of(download), "");
    download.mutable_image_info()->set_image_url("https://me:secret@h.example/a.cc?token=secret");
    EXPECT_EQ(subject_of(download), "https://h.example/a.cc");
    download.mutable_image_info()->set_image_url("http://me:secret" + std::string(5000, 'x') +
                                                 "@h/");
    EXPECT_EQ(subject_of(download), "a URL of 5019 bytes") << "nor what is left of them when cut";
    ::dmi::RebootDeviceRequest reboot;
    reboot.mutable_device_uuid()->set_uuid("31387472");
    EXPECT_EQ(subject_of(reboot), "");
}

}  // namespace
}  // namespace cutover
