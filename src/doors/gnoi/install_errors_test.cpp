#include "doors/gnoi/install_errors.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/error.h"
#include "gnoi/os/os.pb.h"
#include "model/operation.h"

namespace cutover::gnoi_door {
namespace {

std::string type_of(std::string_view id, Errc kind, Stage stage = Stage::init) {
    auto error = make_error(kind, "it failed");
    error.id = id;
    return ::gnoi::os::InstallError::Type_Name(install_error_type(error, stage));
}

TEST(InstallErrors, WhatCannotBeReadIsNoPackage) {
    EXPECT_EQ(type_of("package.not_a_package", Errc::invalid), "PARSE_FAIL");
    EXPECT_EQ(type_of("package.truncated", Errc::untrusted), "PARSE_FAIL");
    EXPECT_EQ(type_of("manifest.syntax", Errc::invalid), "PARSE_FAIL");
}

TEST(InstallErrors, WhatIsNotAsItWasSignedFailsItsIntegrity) {
    EXPECT_EQ(type_of("signature.unknown_signer", Errc::untrusted), "INTEGRITY_FAIL");
    EXPECT_EQ(type_of("package.unsigned", Errc::untrusted), "INTEGRITY_FAIL");
    EXPECT_EQ(type_of("package.truncated", Errc::untrusted, Stage::install), "INTEGRITY_FAIL");
    EXPECT_EQ(type_of("slot.bad_image", Errc::corrupt, Stage::install), "INTEGRITY_FAIL");
}

TEST(InstallErrors, WhatDoesNotBelongHereIsIncompatible) {
    EXPECT_EQ(type_of("check.hardware", Errc::refused, Stage::prep), "INCOMPATIBLE");
    EXPECT_EQ(type_of("plan.other_image", Errc::refused), "INCOMPATIBLE");
}

TEST(InstallErrors, OthersAreAsTheyAreNamed) {
    EXPECT_EQ(type_of("check.space", Errc::no_space, Stage::prep), "TOO_LARGE");
    EXPECT_EQ(type_of("plan.running_base", Errc::refused), "INSTALL_RUN_PACKAGE");
    EXPECT_EQ(type_of("operation.busy", Errc::conflict), "INSTALL_IN_PROGRESS");
    EXPECT_EQ(type_of("check.health", Errc::conflict, Stage::prep), "UNSPECIFIED");
    EXPECT_EQ(type_of("transfer.timeout", Errc::timeout, Stage::install), "UNSPECIFIED");
}

}  // namespace
}  // namespace cutover::gnoi_door
