#include "platform/device_folder.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"

namespace cutover {
namespace {

struct DeviceUuid : testing::Test {
    Result<TempFolder> first = TempFolder::create(testing::TempDir(), "uuid");
    Result<TempFolder> second = TempFolder::create(testing::TempDir(), "uuid");
};

TEST_F(DeviceUuid, IsMadeOnceAndThenKept) {
    const auto made = device_uuid(first->path());
    ASSERT_TRUE(made) << made.error().text();
    EXPECT_THAT(*made, testing::MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-"
                                             "[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
    EXPECT_EQ(device_uuid(first->path()).value(), *made);
    EXPECT_NE(device_uuid(second->path()).value(), *made);
}

TEST_F(DeviceUuid, CanBeGivenByWhoBuildsTheDevice) {
    const std::string given = "c0ffee00-1111-5222-8333-444455556666";
    ASSERT_TRUE(write_file_durably(first->path() / "uuid", given + "\n", 0644));
    EXPECT_EQ(device_uuid(first->path()).value(), given);
}

TEST_F(DeviceUuid, IsNeverMadeAnewForAFileThatHoldsSomethingElse) {
    ASSERT_TRUE(write_file_durably(first->path() / "uuid", "device-7\n", 0644));
    EXPECT_EQ(device_uuid(first->path()).error().id, "device.bad_uuid");
}

}  // namespace
}  // namespace cutover
