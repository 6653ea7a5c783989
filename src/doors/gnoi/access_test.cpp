// What the gNOI door has to do with who may come in: roles of its methods, and what becomes of its
// replies in the audit log.

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <grpcpp/support/status.h>
#include <gtest/gtest.h>

#include "doors/outer/method_rows.h"
#include "doors/outer/outcome.h"
#include "gnoi/factory_reset/factory_reset.pb.h"
#include "gnoi/file/file.pb.h"
#include "gnoi/os/os.pb.h"
#include "gnoi/system/system.pb.h"

namespace cutover {
namespace {

TEST(GnoiAccess, EveryMethodHasARoleOfItsOwn) {
    for (const auto* const file : {::gnoi::os::InstallRequest::descriptor()->file(),
                                   ::gnoi::system::RebootRequest::descriptor()->file(),
                                   ::gnoi::file::PutRequest::descriptor()->file(),
                                   ::gnoi::factory_reset::StartRequest::descriptor()->file()}) {
        ASSERT_GT(file->service_count(), 0) << file->name();
        EXPECT_THAT(methods_without_row(*file), testing::IsEmpty());
    }
}

TEST(GnoiAccess, AnErrorInsideAReplyIsTheResultOfTheCall) {
    ::gnoi::os::InstallResponse install;
    install.mutable_validated()->set_version("1.0.0");
    EXPECT_EQ(outcome_in(install).result, "ok");
    install.mutable_install_error()->set_type(::gnoi::os::InstallError::TOO_LARGE);
    EXPECT_EQ(outcome_in(install).result, "TOO_LARGE");
    install.mutable_install_error()->set_detail("[slot.full] too long");
    EXPECT_EQ(outcome_in(install).result, "slot.full");
}

TEST(GnoiAccess, AStatusIsTheResultOfTheCall) {
    EXPECT_EQ(outcome_of({grpc::StatusCode::NOT_FOUND, "[gnoi.no_file] it is not there"}).result,
              "gnoi.no_file");
    EXPECT_EQ(outcome_of({grpc::StatusCode::UNIMPLEMENTED, ""}).result, "unimplemented");
}

TEST(GnoiAccess, WhatARequestIsAboutIsTold) {
    ::gnoi::file::PutRequest put;
    put.mutable_open()->set_remote_file("/a.txt");
    EXPECT_EQ(subject_of(put), "/a.txt");
    ::gnoi::os::ActivateRequest activate;
    activate.set_version("1.1.0");
    EXPECT_EQ(subject_of(activate), "1.1.0");
    ::gnoi::file::StatRequest stat;
    stat.set_path("/of@somebody?");
    EXPECT_EQ(subject_of(stat), "/of@somebody?");
}

TEST(GnoiAccess, WhereAPackageComesFromIsToldWithoutSecrets) {
    ::gnoi::system::SetPackageRequest request;
    auto& download = *request.mutable_package()->mutable_remote_download();
    download.mutable_credentials()->set_username("me");
    download.mutable_credentials()->set_cleartext("secret");
    download.set_path("https://me:secret@h.example/a.cc?token=secret");
    EXPECT_EQ(subject_of(request), "https://h.example/a.cc");
    download.set_path("me:secret@h.example:/a.cc");
    EXPECT_EQ(subject_of(request), "h.example:/a.cc");
    download.set_path("me:secret" + std::string(9000, 'x') + "@h.example:/a.cc");
    EXPECT_EQ(subject_of(request).find("secret"), std::string::npos);
}

}  // namespace
}  // namespace cutover
