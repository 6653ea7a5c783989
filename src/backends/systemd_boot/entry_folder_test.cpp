#include "backends/systemd_boot/entry_folder.h"

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"

namespace cutover {
namespace {

TEST(EntryFolder, CreatesRewritesInPlaceAndRemoves) {
    auto temp = TempFolder::create(testing::TempDir(), "esp");
    const auto entries = temp->path() / "loader" / "entries";
    std::filesystem::create_directories(entries);
    const auto folder = EntryFolder::open(temp->path());
    ASSERT_TRUE(folder);
    ASSERT_TRUE((*folder)->create("x.conf", "12345"));
    EXPECT_FALSE((*folder)->create("x.conf", "12345")) << "never over another file";
    ASSERT_TRUE((*folder)->rewrite("x.conf", "54321"));
    EXPECT_EQ(*(*folder)->read("x.conf"), "54321");
    EXPECT_EQ(*(*folder)->list(), std::vector<std::string>{"x.conf"});
    ASSERT_TRUE((*folder)->remove("x.conf"));
    EXPECT_TRUE((*folder)->remove("x.conf")) << "what is not there is removed";
    EXPECT_FALSE((*folder)->read("x.conf"));
    EXPECT_FALSE((*folder)->rewrite("x.conf", "1")) << "rewriting makes no file";
}

TEST(EntryFolder, APartitionThatIsNotMountedIsAnError) {
    EXPECT_EQ(EntryFolder::open("/nonexistent").error().id, "boot.sdboot_no_entries");
}

}  // namespace
}  // namespace cutover
