#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include "access/method_roles.h"
#include "base/error.h"
#include "cutover/v1/configuration.pb.h"
#include "cutover/v1/device.pb.h"
#include "doors/native/errors.h"
#include "doors/native/status.h"
#include "doors/outer/method_rows.h"
#include "doors/outer/outcome.h"

namespace cutover {
namespace {

TEST(NativeAccess, EveryMethodHasARoleOfItsOwn) {
    for (const auto* const file :
         {v1::Request::descriptor()->file(), v1::ConfigurationEdit::descriptor()->file()}) {
        ASSERT_GT(file->service_count(), 0) << file->name();
        EXPECT_THAT(methods_without_row(*file), testing::IsEmpty());
    }
}

TEST(NativeAccess, TheAccountHasTheRevisionThatWasCommitted) {
    v1::ConfigurationRevision revision;
    revision.set_revision(8);
    revision.set_comment("the password is 1234");
    EXPECT_EQ(outcome_in(revision).result, "ok");
    EXPECT_EQ(outcome_in(revision).detail, "revision 8");
}

TEST(NativeAccess, TheAccountHasNoValues) {
    v1::EditConfigurationRequest edit;
    edit.set_session("alice");
    edit.add_edits()->set_path("/ietf-system:system/user[name='bob']/password");
    edit.mutable_edits(0)->set_value("1234");
    EXPECT_EQ(subject_of(edit), "");
    v1::CommitConfigurationRequest commit;
    commit.set_comment("1234");
    EXPECT_EQ(subject_of(commit), "");
}

TEST(NativeAccess, TheAccountHasTheErrorsIdAndNotOnlyWhatGrpcCallsIt) {
    const auto status = wire::status_of(make_error(errors::door_too_large, "it is too much"));
    EXPECT_EQ(outcome_of(status).result, "door.too_large");
}

TEST(NativeAccess, WhatDoorsServeBesidesHasARoleToo) {
    EXPECT_NE(find_method("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"),
              nullptr);
}

}  // namespace
}  // namespace cutover
