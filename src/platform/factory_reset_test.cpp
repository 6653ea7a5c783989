#include "platform/factory_reset.h"

#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;
using testing::IsEmpty;
using testing::Not;

struct ResetOfFiles : testing::Test {
    Result<TempFolder> place = TempFolder::create(testing::TempDir(), "reset");
    fs::path device = place->path() / "device";

    void SetUp() override { ASSERT_TRUE(make_folders(device)); }
    void put(const fs::path& file, const std::string& text = "x") const {
        ASSERT_TRUE(make_folders((device / file).parent_path()));
        ASSERT_TRUE(write_file_durably(device / file, text));
    }
    bool has(const fs::path& file) const { return fs::exists(device / file); }
    void reset(const std::vector<ResetLine>& lines) const {
        ASSERT_TRUE(order_reset(device, lines));
        ASSERT_EQ(reset_state(device), ResetState::ordered);
        ASSERT_TRUE(carry_out_reset(device));
        ASSERT_EQ(reset_state(device), ResetState::carried_out);
    }
};

TEST_F(ResetOfFiles, WithoutAnOrderNothingHappens) {
    put("data/a");
    ASSERT_TRUE(carry_out_reset(device));
    EXPECT_EQ(reset_state(device), ResetState::none);
    EXPECT_TRUE(has("data/a"));
    EXPECT_TRUE(carry_out_reset(device / "nowhere"));
}

TEST_F(ResetOfFiles, WhatIsKeptStaysInAFolderThatIsEmptied) {
    for (const auto* file :
         {"access/audit.log", "access/audit.log.2", "access/users", "access/d/e"})
        put(file);
    reset({{.act = ResetAct::keep, .path = "access/audit."},
           {.act = ResetAct::empty, .path = "access"},
           {.act = ResetAct::empty, .path = "absent"}});
    EXPECT_TRUE(has("access/audit.log") && has("access/audit.log.2"));
    EXPECT_FALSE(has("access/users") || has("access/d"));
    EXPECT_THAT(reset_problems(device), IsEmpty());
}

TEST_F(ResetOfFiles, AFolderAroundTheDeviceIsEmptiedButForTheDevice) {
    put("mine");
    put("../services/data");
    reset({{.act = ResetAct::keep, .path = "."}, {.act = ResetAct::empty, .path = ".."}});
    EXPECT_TRUE(has("mine"));
    EXPECT_FALSE(has("../services"));
}

TEST_F(ResetOfFiles, FilesComeBackAsTheyWereMade) {
    put("factory/etc/nos.conf", "made");
    put("persist/etc/nos.conf", "changed");
    put("persist/etc/more", "of a user");
    reset({{.act = ResetAct::remove, .path = "persist"},
           {.act = ResetAct::folder, .path = "persist/etc"},
           {.act = ResetAct::copy, .path = "persist/etc/nos.conf", .from = "factory/etc/nos.conf"},
           {.act = ResetAct::copy, .path = "persist/var", .from = "factory/var"}});
    EXPECT_EQ(read_file(device / "persist/etc/nos.conf", 100).value(), "made");
    EXPECT_FALSE(has("persist/etc/more") || has("persist/var"));
}

TEST_F(ResetOfFiles, LinksAreRemovedAndNotFollowed) {
    put("precious");
    put("data/a");
    fs::create_directory_symlink(device, device / "data/link");
    reset({{.act = ResetAct::empty, .path = "data"}});
    EXPECT_TRUE(has("precious"));
    EXPECT_FALSE(has("data/link"));
}

TEST_F(ResetOfFiles, WhatResistsIsToldAndKeepsNothingElseFromGoing) {
    put("data/a");
    put("file");
    reset({{.act = ResetAct::empty, .path = "file"}, {.act = ResetAct::empty, .path = "data"}});
    EXPECT_THAT(reset_problems(device), Not(IsEmpty()));
    EXPECT_FALSE(has("data/a"));
    ASSERT_TRUE(forget_reset(device));
    EXPECT_EQ(reset_state(device), ResetState::none);
}

TEST_F(ResetOfFiles, AnOrderThatCannotBeReadTakesNothingAway) {
    put("data/a");
    for (const auto* order : {"", "factory reset 2\nempty\tdata", "factory reset 1\nempty\tdata\nx",
                              "factory reset 1\nempty\tdata\nempty"}) {
        put("reset", order);
        ASSERT_TRUE(carry_out_reset(device));
        EXPECT_TRUE(has("data/a")) << order;
        EXPECT_THAT(reset_problems(device), Not(IsEmpty())) << order;
    }
}

TEST_F(ResetOfFiles, ANameThatIsTwoLinesIsNoName) {
    EXPECT_FALSE(order_reset(device, {{.act = ResetAct::empty, .path = "a\nempty\tb"}}));
    EXPECT_EQ(reset_state(device), ResetState::none);
}

}  // namespace
}  // namespace cutover
