#include "platform/emulated/release_folders.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "model/slot.h"
#include "platform/emulated/emulated_slots.h"
#include "platform/layering/test_packages.h"
#include "platform/slot_package.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

struct ReleaseFoldersTest : testing::Test {
    Result<TempFolder> temp = TempFolder::create(testing::TempDir(), "releases");
    fs::path device = temp->path();
    EmulatedSlots slots{device, SlotFolders::versioned};

    void write(Slot slot, const std::string& version, const std::string& text = "x") {
        const auto package = tree_package(version, {{"etc/nos.conf", text}});
        TextSource content(package.content);
        const auto written = slots.write(slot, package.manifest, content);
        ASSERT_TRUE(written) << written.error().text();
    }
    std::string current(const std::string& path) const {
        return read_file(device / "current" / path, 100).value_or("(none)");
    }
    std::string folder_of(Slot slot) const { return slots.folder(slot).filename().string(); }
};

TEST_F(ReleaseFoldersTest, AReleaseIsFoundUnderItsNameAndVersion) {
    write(Slot::a, "1.0.0", "one");
    write(Slot::b, "1.1.0", "two");
    EXPECT_EQ(read_file(device / "releases/nos-1.0.0/root/etc/nos.conf", 10).value_or(""), "one");
    EXPECT_EQ(read_file(device / "releases/nos-1.1.0/root/etc/nos.conf", 10).value_or(""), "two");
    EXPECT_EQ(fs::read_symlink(device / "slots/B"), "../releases/nos-1.1.0");
}

TEST_F(ReleaseFoldersTest, CurrentIsOneRelativeLinkToWhatRuns) {
    write(Slot::a, "1.0.0", "one");
    write(Slot::b, "1.1.0", "two");
    ASSERT_TRUE(slots.show_current(Slot::a));
    EXPECT_EQ(current("etc/nos.conf"), "one");
    ASSERT_TRUE(slots.show_current(Slot::b));
    EXPECT_EQ(current("etc/nos.conf"), "two");
    EXPECT_EQ(fs::read_symlink(device / "current"), "releases/nos-1.1.0/root");
    ASSERT_TRUE(slots.erase(Slot::b));
    ASSERT_TRUE(slots.show_current(Slot::b)) << "a slot that holds nothing can be started too";
    EXPECT_FALSE(fs::is_symlink(device / "current"));
}

TEST_F(ReleaseFoldersTest, TheSameVersionInBothSlotsHasTwoFolders) {
    write(Slot::a, "1.0.0", "one");
    write(Slot::b, "1.0.0", "again");
    EXPECT_EQ(folder_of(Slot::a), "nos-1.0.0");
    EXPECT_EQ(folder_of(Slot::b), "nos-1.0.0@B");
    EXPECT_EQ(read_file(slots.root(Slot::a) / "etc/nos.conf", 10).value_or(""), "one");
    write(Slot::a, "1.0.0", "third");
    EXPECT_EQ(read_file(slots.root(Slot::b) / "etc/nos.conf", 10).value_or(""), "again");
    EXPECT_EQ(read_file(slots.root(Slot::a) / "etc/nos.conf", 10).value_or(""), "third");
}

TEST_F(ReleaseFoldersTest, AVersionThatIsReplacedLeavesNothingBehind) {
    write(Slot::b, "1.0.0");
    write(Slot::b, "1.1.0");
    EXPECT_FALSE(fs::exists(device / "releases/nos-1.0.0"));
    ASSERT_TRUE(slots.erase(Slot::b));
    EXPECT_TRUE(fs::is_empty(device / "releases"));
    EXPECT_TRUE(fs::is_empty(device / "slots"));
}

TEST_F(ReleaseFoldersTest, AFolderWhoseLinkWasLostIsTakenForTheNextOfThatName) {
    write(Slot::b, "1.0.0", "old");
    fs::remove(device / "slots/B");
    EXPECT_FALSE(slots.manifest(Slot::b));
    write(Slot::b, "1.0.0", "new");
    EXPECT_EQ(read_file(slots.root(Slot::b) / "etc/nos.conf", 10).value_or(""), "new");
}

TEST_F(ReleaseFoldersTest, ALinkThatLeadsElsewhereIsNotFollowed) {
    write(Slot::a, "1.0.0");
    fs::create_directories(device / "outside/root/etc");
    std::ofstream(device / "outside/manifest.json") << "precious";
    for (const auto* const target : {"../outside", "../releases/../outside", "/etc", "../releases",
                                     "../releases/nos-1.0.0/root", "../releases/.."}) {
        fs::remove(device / "slots/B");
        fs::create_symlink(target, device / "slots/B");
        const auto manifest = slots.manifest(Slot::b);
        ASSERT_FALSE(manifest) << target;
        EXPECT_EQ(manifest.error().kind, Errc::not_found) << target;
        EXPECT_TRUE(slots.erase(Slot::b)) << target;
    }
    EXPECT_TRUE(fs::exists(device / "outside/manifest.json"));
    EXPECT_TRUE(slots.manifest(Slot::a)) << "the other slot is as it was";
}

TEST_F(ReleaseFoldersTest, ADeviceStaysWithTheFoldersItWasMadeWith) {
    write(Slot::a, "1.0.0");
    EXPECT_TRUE(slots.check_folders());
    const auto other = EmulatedSlots(device).check_folders();
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().id, "device.other_slots");
    fs::remove(device / "slots/A");
    fs::create_directories(device / "slots/A/root");
    EXPECT_FALSE(slots.check_folders());
    EXPECT_TRUE(EmulatedSlots(device).check_folders());
}

TEST_F(ReleaseFoldersTest, AnImageIsRefusedBeforeWhatIsThereIsErased) {
    write(Slot::b, "1.0.0");
    const auto image = image_package("2.0.0", "no tree");
    TextSource content(image.content);
    const auto written = slots.write(Slot::b, image.manifest, content);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().id, "slot.takes_trees");
    EXPECT_TRUE(slots.manifest(Slot::b));
}

}  // namespace
}  // namespace cutover
