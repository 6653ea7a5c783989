#include "platform/emulated/emulated_slots.h"

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <sys/stat.h>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "model/slot.h"
#include "platform/layering/test_packages.h"
#include "platform/slot_package.h"
#include "platform/slot_store.h"
#include "platform/slot_store_conformance.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

constexpr auto kOwnerOnly = fs::perms::owner_read | fs::perms::owner_write;

struct SlotFolder {
    Result<TempFolder> folder = TempFolder::create(testing::TempDir(), "slots");
    EmulatedSlots slots{folder->path()};

    SlotFolder() { fs::create_directories(folder->path() / "slots"); }
};

class TreeBench final : public SlotBench {
public:
    SlotStore& slots() override { return files_.slots; }
    void run(Slot slot) override { files_.slots.set_running(slot, files_.slots.root(slot)); }
    SlotPackage package(const std::string& version) override {
        return tree_package(version, {{"etc/nos.conf", "of " + version}, {"bin/nos", "#!"}});
    }

private:
    SlotFolder files_;
};

class VersionedBench final : public SlotBench {
public:
    SlotStore& slots() override { return slots_; }
    void run(Slot slot) override { slots_.set_running(slot, slots_.root(slot)); }
    SlotPackage package(const std::string& version) override {
        return tree_package(version, {{"etc/nos.conf", "of " + version}, {"bin/nos", "#!"}});
    }

private:
    Result<TempFolder> folder_ = TempFolder::create(testing::TempDir(), "slots");
    EmulatedSlots slots_{folder_->path(), SlotFolders::versioned};
};

class ImageBench final : public SlotBench {
public:
    SlotStore& slots() override { return files_.slots; }
    void run(Slot slot) override { files_.slots.set_running(slot, {}); }
    SlotPackage package(const std::string& version) override {
        return image_package(version, std::string(3'000'000, version.front()));
    }

private:
    SlotFolder files_;
};

INSTANTIATE_TEST_SUITE_P(EmulatedTree, SlotStoreConformance,
                         testing::Values([] { return std::make_unique<TreeBench>(); }));
INSTANTIATE_TEST_SUITE_P(EmulatedVersioned, SlotStoreConformance,
                         testing::Values([] { return std::make_unique<VersionedBench>(); }));
INSTANTIATE_TEST_SUITE_P(EmulatedImage, SlotStoreConformance,
                         testing::Values([] { return std::make_unique<ImageBench>(); }));

struct EmulatedSlotsTest : testing::Test, SlotFolder {
    void write(Slot slot, const SlotPackage& package) {
        TextSource content(package.content);
        const auto written = slots.write(slot, package.manifest, content);
        ASSERT_TRUE(written) << written.error().text();
    }
    std::string in_root(Slot slot, const std::string& path) const {
        return read_file(slots.root(slot) / path, 10'000'000).value_or("(none)");
    }
    static void put(const fs::path& path, const std::string& text) {
        fs::create_directories(path.parent_path());
        std::ofstream(path) << text;
    }
};

TEST_F(EmulatedSlotsTest, AnImageIsStoredByteForByteAtAnyLength) {
    for (const auto size :
         std::initializer_list<std::size_t>{1, 511, 512, 4097, 1'048'576, 1'048'577, 5'000'001}) {
        std::string content(size, '\0');
        for (std::size_t i = 0; i < size; ++i)
            content[i] = i / 1'048'576 == 2 ? '\0' : static_cast<char>(i * 31 + i / 4096);
        write(Slot::b, image_package("1.0.0", content));
        EXPECT_EQ(fs::file_size(slots.image(Slot::b)), size);
        EXPECT_TRUE(read_file(slots.image(Slot::b), size).value() == content) << size;
    }
}

TEST_F(EmulatedSlotsTest, ABlockOfZerosIsReservedThoughItIsNotWritten) {
    write(Slot::b, image_package("1.0.0", std::string(8'388'608, '\0')));
    struct stat info{};
    ASSERT_EQ(::stat(slots.image(Slot::b).c_str(), &info), 0);
    EXPECT_GE(info.st_blocks * 512, 8'388'608);
}

TEST_F(EmulatedSlotsTest, ATreeLeavesNoReserveBehind) {
    write(Slot::b, tree_package("1.0.0", {{"bin/big", std::string(9'000'000, 'x')}}));
    EXPECT_FALSE(fs::exists(slots.folder(Slot::b) / "reserve"));
    EXPECT_EQ(in_root(Slot::b, "bin/big").size(), 9'000'000U);
}

TEST_F(EmulatedSlotsTest, SpaceCountsWhatErasingTheSlotWouldFree) {
    write(Slot::b, image_package("1.0.0", std::string(20'000'000, 'x')));
    const auto free = free_bytes(folder->path());
    const auto space = slots.space(Slot::b);
    ASSERT_TRUE(free && space);
    // Others write to this file system too.
    EXPECT_GT(space->available_bytes, *free + 15'000'000);
}

TEST_F(EmulatedSlotsTest, PersistentFilesAreReachedThroughTheSlotAndKeptBesideIt) {
    auto package = tree_package("1.0.0", {{"etc/nos.conf", "default"}, {"etc/other", "x"}});
    package.manifest.persist = {"etc/nos.conf", "var/db"};
    write(Slot::a, package);
    EXPECT_EQ(in_root(Slot::a, "etc/nos.conf"), "default");
    EXPECT_TRUE(fs::is_symlink(slots.root(Slot::a) / "etc/nos.conf"));
    EXPECT_TRUE(fs::read_symlink(slots.root(Slot::a) / "etc/nos.conf").is_relative());
    EXPECT_FALSE(fs::is_symlink(slots.root(Slot::a) / "etc/other"));
    put(slots.root(Slot::a) / "etc/nos.conf", "mine");
    EXPECT_EQ(read_file(slots.persist(Slot::a) / "etc/nos.conf", 100).value(), "mine");
}

TEST_F(EmulatedSlotsTest, AnUpgradeCarriesWhatWasChangedAndBringsWhatIsNew) {
    auto old_base = tree_package("1.0.0", {{"etc/nos.conf", "default 1"}, {"etc/d/a", "a1"}});
    old_base.manifest.persist = {"etc/nos.conf", "etc/d"};
    auto new_base = tree_package(
        "2.0.0", {{"etc/nos.conf", "default 2"}, {"etc/d/a", "a2"}, {"etc/d/b", "b2"}});
    new_base.manifest.persist = {"etc/nos.conf", "etc/d"};
    write(Slot::a, old_base);
    put(slots.root(Slot::a) / "etc/nos.conf", "mine");
    put(slots.root(Slot::a) / "etc/d/extra", "extra");
    slots.set_running(Slot::a, slots.root(Slot::a));
    write(Slot::b, new_base);
    for (int i = 0; i < 2; ++i) {
        const auto carried =
            slots.carry_persistent(Slot::a, Slot::b, {"etc/nos.conf", "etc/d", "etc/d/a"});
        ASSERT_TRUE(carried) << carried.error().text();
    }
    EXPECT_EQ(in_root(Slot::b, "etc/nos.conf"), "mine");
    EXPECT_EQ(in_root(Slot::b, "etc/d/a"), "a1");
    EXPECT_EQ(in_root(Slot::b, "etc/d/b"), "b2") << "a file that only the new base has";
    EXPECT_EQ(in_root(Slot::b, "etc/d/extra"), "extra");
    put(slots.root(Slot::b) / "etc/nos.conf", "changed in 2");
    EXPECT_EQ(in_root(Slot::a, "etc/nos.conf"), "mine") << "going back finds its own files";
}

TEST_F(EmulatedSlotsTest, AFileThatOnlyTheNewBaseCallsPersistentIsCarriedToo) {
    write(Slot::a, tree_package("1.0.0", {{"etc/nos.conf", "one"}}));
    write(Slot::b, tree_package("2.0.0", {{"etc/nos.conf", "two"}}));
    ASSERT_TRUE(slots.carry_persistent(Slot::a, Slot::b, {"etc/nos.conf"}));
    EXPECT_EQ(in_root(Slot::b, "etc/nos.conf"), "one");
    EXPECT_TRUE(fs::is_symlink(slots.root(Slot::b) / "etc/nos.conf"));
    EXPECT_FALSE(fs::is_symlink(slots.root(Slot::a) / "etc/nos.conf"));
}

TEST_F(EmulatedSlotsTest, ModesLinksAndTimesAreCarried) {
    auto package = tree_package("1.0.0", {{"etc/d/key", "secret"}});
    package.manifest.persist = {"etc/d"};
    write(Slot::a, package);
    write(Slot::b, package);
    const auto folder_a = slots.persist(Slot::a) / "etc/d";
    fs::permissions(folder_a / "key", kOwnerOnly);
    fs::create_symlink("key", folder_a / "link");
    ASSERT_TRUE(slots.carry_persistent(Slot::a, Slot::b, {"etc/d"}));
    const auto folder_b = slots.persist(Slot::b) / "etc/d";
    EXPECT_EQ(fs::status(folder_b / "key").permissions(), kOwnerOnly);
    EXPECT_EQ(fs::read_symlink(folder_b / "link"), "key");
    EXPECT_EQ(fs::last_write_time(folder_b / "key"), fs::last_write_time(folder_a / "key"));
}

TEST_F(EmulatedSlotsTest, ALinkInTheTreeCannotLeadPersistenceOutOfTheSlot) {
    const auto outside = folder->path() / "outside";
    put(outside / "passwd", "secret");
    write(Slot::a, tree_package("1.0.0", {{"etc/x", "x"}}));
    write(Slot::b, tree_package("2.0.0", {{"etc/x", "x"}}));
    fs::create_directory_symlink(outside, slots.root(Slot::a) / "leak");
    const auto carried = slots.carry_persistent(Slot::a, Slot::b, {"leak/passwd"});
    ASSERT_FALSE(carried);
    EXPECT_EQ(carried.error().id, "slot.bad_path");
}

TEST_F(EmulatedSlotsTest, ErasingTakesTheManifestFirstAndTheFilesKeptForIt) {
    auto package = tree_package("1.0.0", {{"etc/nos.conf", "x"}});
    package.manifest.persist = {"etc/nos.conf"};
    write(Slot::b, package);
    put(folder->path() / "data" / "db", "shared");
    ASSERT_TRUE(slots.erase(Slot::b));
    EXPECT_FALSE(fs::exists(slots.folder(Slot::b)));
    EXPECT_FALSE(fs::exists(slots.persist(Slot::b)));
    EXPECT_TRUE(fs::exists(folder->path() / "data" / "db"));
}

TEST_F(EmulatedSlotsTest, ADamagedManifestIsNoManifest) {
    write(Slot::b, tree_package("1.0.0", {{"etc/x", "x"}}));
    put(slots.folder(Slot::b) / "manifest.json", "{");
    const auto manifest = slots.manifest(Slot::b);
    ASSERT_FALSE(manifest);
    EXPECT_NE(manifest.error().kind, Errc::not_found);
    EXPECT_TRUE(slots.erase(Slot::b));
}

}  // namespace
}  // namespace cutover
