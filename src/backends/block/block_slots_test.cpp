#include "backends/block/block_slots.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <ios>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/byte_source.h"
#include "base/error.h"
#include "base/fault.h"  // IWYU pragma: keep
#include "base/files.h"
#include "base/process.h"
#include "base/unique_fd.h"
#include "model/manifest.h"
#include "model/package_kind.h"
#include "model/slot.h"
#include "model/version.h"
#include "platform/slot_package.h"
#include "platform/slot_store.h"
#include "platform/slot_store_conformance.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMiB = std::size_t{1024} * 1024;
constexpr std::size_t kPartitionBytes = 16 * kMiB;

void put_number(std::string& image, std::size_t offset, std::uint64_t value) {
    for (std::size_t i = 0; i < 8; ++i)
        image[offset + i] = static_cast<char>(value >> (8 * i) & 0xffU);
}

// Begins as a squashfs of its own length; the rest differs from version to version.
std::string image_of(const std::string& version, std::size_t size) {
    std::string image(size, '\0');
    for (std::size_t i = 0; i < size; ++i)
        image[i] = static_cast<char>(i / 7 * 31 + i / 4096 + static_cast<unsigned>(version[0]));
    image.replace(0, 4, "hsqs");
    put_number(image, 40, size);
    return image;
}

SlotPackage package_of(const std::string& version, std::string image) {
    SlotPackage package{.manifest = {}, .content = std::move(image)};
    auto& manifest = package.manifest;
    manifest.name = "nos";
    manifest.version = Version::parse(version).value();
    manifest.created = "2026-11-21T10:02:11Z";
    manifest.persist = {"etc/nos.conf"};
    const std::string digest(64, '0');  // slots get bytes that were verified before
    manifest.members = {{.name = "chunks.idx", .size_bytes = 1, .sha256 = digest},
                        {.name = "payload", .size_bytes = 1, .sha256 = digest}};
    manifest.payload = {.type = PayloadType::image,
                        .content_bytes = package.content.size(),
                        .installed_bytes = package.content.size(),
                        .chunk_count = 1};
    return package;
}

SlotPackage package_of(const std::string& version) {
    return package_of(version, image_of(version, 3'000'001));
}

// Two partitions, played by files, and a data partition, played by a folder.
struct Disk {
    TempFolder folder = TempFolder::create(testing::TempDir(), "block").value();
    BlockSlots::Options options{.a = folder.path() / "slot-a",
                                .b = folder.path() / "slot-b",
                                .claims = folder.path() / "data" / "slots",
                                .persist = folder.path() / "data" / "persist",
                                .running_root = folder.path() / "root"};

    Disk() {
        for (const auto& path : {options.a, options.b}) {
            std::ofstream(path) << "what the factory left";
            fs::resize_file(path, kPartitionBytes);
        }
        fs::create_directories(folder.path() / "root");
        fs::create_directories(folder.path() / "data");
    }
};

class BlockBench final : public SlotBench {
public:
    SlotStore& slots() override { return *slots_; }
    void run(Slot slot) override {
        disk_.options.running = slot;
        slots_ = std::make_unique<BlockSlots>(disk_.options);
    }
    SlotPackage package(const std::string& version) override { return package_of(version); }

private:
    Disk disk_;
    std::unique_ptr<BlockSlots> slots_ = std::make_unique<BlockSlots>(disk_.options);
};

INSTANTIATE_TEST_SUITE_P(Block, SlotStoreConformance,
                         testing::Values([] { return std::make_unique<BlockBench>(); }));

struct BlockSlotsTest : testing::Test, Disk {
    BlockSlots slots() const { return BlockSlots(options); }
    BlockSlots slots_running(Slot slot) const {
        auto running = options;
        running.running = slot;
        return BlockSlots(running);
    }
    Result<> write(Slot slot, const SlotPackage& package) const {
        TextSource content(package.content);
        return slots().write(slot, package.manifest, content);
    }
    std::string write_error(Slot slot, const SlotPackage& package) const {
        const auto written = write(slot, package);
        EXPECT_EQ(held(slot), "not_found");
        return written ? "" : written.error().id;
    }
    std::string held(Slot slot) const {
        const auto manifest = slots().manifest(slot);
        return manifest ? manifest->version.text() : std::string(to_string(manifest.error().kind));
    }
    static std::string on_disk(const fs::path& path, std::size_t size) {
        auto text = read_file(path, 2 * kPartitionBytes).value_or("");
        text.resize(std::min(text.size(), size));
        return text;
    }
    static void scribble(const fs::path& path, std::size_t offset) {
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(static_cast<std::streamoff>(offset));
        file << "scribbled";
    }
    static void put(const fs::path& path, const std::string& text) {
        fs::create_directories(path.parent_path());
        std::ofstream(path) << text;
    }
};

TEST_F(BlockSlotsTest, AnImageIsOnThePartitionByteForByteAtAnyLength) {
    for (const std::size_t size :
         {std::size_t{4096}, kMiB - 1, kMiB, kMiB + 1, 5 * kMiB + 513, kPartitionBytes}) {
        const auto package = package_of("1.0.0", image_of("1", size));
        const auto written = write(Slot::b, package);
        ASSERT_TRUE(written) << size << ": " << written.error().text();
        EXPECT_TRUE(on_disk(options.b, size) == package.content) << size;
        EXPECT_EQ(fs::file_size(options.b), kPartitionBytes);
        EXPECT_EQ(held(Slot::b), "1.0.0");
    }
}

TEST_F(BlockSlotsTest, ZerosInTheImageReplaceWhatThePartitionHadThere) {
    ASSERT_TRUE(write(Slot::b, package_of("1.0.0", image_of("1", 6 * kMiB))));
    auto image = image_of("2", 6 * kMiB);
    image.replace(2 * kMiB, 2 * kMiB, 2 * kMiB, '\0');
    ASSERT_TRUE(write(Slot::b, package_of("2.0.0", image)));
    EXPECT_TRUE(on_disk(options.b, image.size()) == image);
}

TEST_F(BlockSlotsTest, ATreeIsRefused) {
    auto package = package_of("1.0.0");
    package.manifest.payload.type = PayloadType::tree;
    EXPECT_EQ(write_error(Slot::b, package), "slot.needs_image");
}

TEST_F(BlockSlotsTest, WhatIsNoFileSystemIsRefused) {
    EXPECT_EQ(write_error(Slot::b, package_of("1.0.0", std::string(kMiB, 'x'))), "slot.bad_image");
}

TEST_F(BlockSlotsTest, AFileSystemWhoseEndIsMissingIsRefused) {
    auto image = image_of("1", 2 * kMiB);
    put_number(image, 40, 2 * kMiB + 1);
    EXPECT_EQ(write_error(Slot::b, package_of("1.0.0", image)), "slot.bad_image");
}

TEST_F(BlockSlotsTest, AnImageLargerThanThePartitionIsRefusedBeforeItIsRead) {
    const auto package = package_of("1.0.0", image_of("1", kPartitionBytes + 1));
    TextSource unread(package.content, 0);
    const auto written = slots().write(Slot::b, package.manifest, unread);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().id, "slot.no_space");
    EXPECT_NE(written.error().message.find("1 bytes are missing"), std::string::npos);
}

TEST_F(BlockSlotsTest, OnePartitionUnderTwoNamesIsNeverWritten) {
    ASSERT_TRUE(write(Slot::a, package_of("1.0.0")));
    const auto before = on_disk(options.a, kPartitionBytes);
    fs::remove(options.b);
    for (const bool hard : {false, true}) {
        if (hard)
            fs::create_hard_link(options.a, options.b);
        else
            fs::create_symlink(options.a, options.b);
        TextSource content(package_of("2.0.0").content);
        const auto written =
            slots_running(Slot::a).write(Slot::b, package_of("2.0.0").manifest, content);
        ASSERT_FALSE(written);
        EXPECT_EQ(written.error().id, "slot.one_partition");
        EXPECT_TRUE(on_disk(options.a, kPartitionBytes) == before);
        fs::remove(options.b);
    }
}

TEST_F(BlockSlotsTest, APartitionThatIsNotThereIsAnErrorAndNotAnEmptySlot) {
    ASSERT_TRUE(write(Slot::b, package_of("1.0.0")));
    fs::remove(options.b);
    EXPECT_EQ(held(Slot::b), "unavailable") << "it may be back tomorrow";
    TextSource content(package_of("2.0.0").content);
    const auto written = slots().write(Slot::b, package_of("2.0.0").manifest, content);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().id, "slot.no_partition");
}

TEST_F(BlockSlotsTest, AFolderIsNoPartition) {
    fs::remove(options.b);
    fs::create_directory(options.b);
    EXPECT_EQ(slots().space(Slot::b).error().id, "slot.no_partition");
}

// Nothing that can be asked of the store opens the running slot for writing, even if it is refused
// later.
TEST_F(BlockSlotsTest, TheRunningPartitionIsNeverOpenedForWriting) {
    ASSERT_TRUE(write(Slot::a, package_of("1.0.0")));
    const UniqueFd watch(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    ASSERT_GE(::inotify_add_watch(watch.get(), options.a.c_str(), IN_CLOSE_WRITE | IN_MODIFY), 0);
    auto store = slots_running(Slot::a);
    const auto package = package_of("2.0.0");
    for (const auto slot : {Slot::a, Slot::b}) {
        TextSource content(package.content);
        EXPECT_EQ(store.write(slot, package.manifest, content).has_value(), slot == Slot::b);
        EXPECT_TRUE(store.manifest(slot));
        EXPECT_TRUE(store.space(slot));
        (void)store.carry_persistent(other(slot), slot, {"etc/nos.conf"});
        TextSource adopted(package.content);
        (void)store.adopt(slot, package.manifest, adopted);
        (void)store.erase(slot);
    }
    std::array<char, 4096> events{};
    EXPECT_LT(::read(watch.get(), events.data(), events.size()), 0) << "it was opened for writing";
    EXPECT_EQ(held(Slot::a), "1.0.0");
}

TEST_F(BlockSlotsTest, APartitionThatSomebodyWroteIsNotBelieved) {
    const auto package = package_of("1.0.0", image_of("1", 5 * kMiB));
    for (const std::size_t offset : {std::size_t{0}, kMiB - 10, 4 * kMiB, 5 * kMiB - 10}) {
        ASSERT_TRUE(write(Slot::b, package));
        ASSERT_EQ(held(Slot::b), "1.0.0");
        scribble(options.b, offset);
        EXPECT_EQ(held(Slot::b), "not_found") << offset;
    }
}

TEST_F(BlockSlotsTest, APartitionThatBecameTooSmallIsNotBelieved) {
    ASSERT_TRUE(write(Slot::b, package_of("1.0.0")));
    fs::resize_file(options.b, kMiB);
    EXPECT_EQ(held(Slot::b), "not_found");
}

TEST_F(BlockSlotsTest, AnErasedSlotBeginsWithZerosSoThatNothingMountsIt) {
    ASSERT_TRUE(write(Slot::b, package_of("1.0.0")));
    put(slots().persist(Slot::b) / "etc/nos.conf", "mine");
    ASSERT_TRUE(slots().erase(Slot::b));
    EXPECT_EQ(on_disk(options.b, 4096), std::string(4096, '\0'));
    EXPECT_FALSE(fs::exists(slots().persist(Slot::b)));
}

// Damages the partition after it was written and before it is read back.
class Saboteur final : public ByteSource {
public:
    Saboteur(std::string text, fs::path partition)
        : content_(std::move(text)), partition_(std::move(partition)) {}
    Result<std::size_t> read(std::span<std::byte> buffer) override {
        const auto got = TRY(content_.read(buffer));
        // With four blocks of memory, the second one is on the disk when the end is asked for.
        if (got == 0) {
            std::fstream file(partition_, std::ios::in | std::ios::out | std::ios::binary);
            file.seekp(static_cast<std::streamoff>(kMiB + 7));
            file << "rotten";
        }
        return got;
    }

private:
    TextSource content_;
    fs::path partition_;
};

TEST_F(BlockSlotsTest, ADiskThatKeepsSomethingElseIsCaught) {
    const auto package = package_of("1.0.0", image_of("1", 12 * kMiB));
    Saboteur content(package.content, options.b);
    const auto written = slots().write(Slot::b, package.manifest, content);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().id, "slot.not_as_written");
    EXPECT_EQ(held(Slot::b), "not_found");
}

// Lets files grow no further: a write that crosses the border is cut short, the next one fails.
class FileSizeLimit {
public:
    explicit FileSizeLimit(std::size_t bytes) {
        ::getrlimit(RLIMIT_FSIZE, &before_);
        handler_ = std::signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{.rlim_cur = bytes, .rlim_max = before_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~FileSizeLimit() {
        ::setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, handler_);
    }
    FileSizeLimit(const FileSizeLimit&) = delete;
    FileSizeLimit& operator=(const FileSizeLimit&) = delete;

private:
    rlimit before_{};
    void (*handler_)(int) = nullptr;
};

TEST_F(BlockSlotsTest, AWriteThatIsCutShortAndThenFailsLeavesTheSlotEmpty) {
    ASSERT_TRUE(write(Slot::b, package_of("1.0.0")));
    const auto package = package_of("2.0.0", image_of("2", 8 * kMiB));
    {
        const FileSizeLimit limit(4 * kMiB + 8192);
        EXPECT_EQ(write_error(Slot::b, package), "general.io");
    }
    EXPECT_EQ(on_disk(options.b, 4), std::string(4, '\0')) << "no head of a half image";
    EXPECT_TRUE(write(Slot::b, package)) << "and it can be written again";
}

TEST_F(BlockSlotsTest, NoRoomBelowThePartitionLeavesTheSlotEmpty) {
    const auto small = folder.path() / "small";
    fs::create_directory(small);
    if (::mount("tmpfs", small.c_str(), "tmpfs", 0, "size=3m") != 0)
        GTEST_SKIP() << "only root can mount";
    options.b = small / "slot-b";
    std::ofstream(options.b) << "";
    fs::resize_file(options.b, kPartitionBytes);  // thin: it promises what the disk does not have
    EXPECT_EQ(write_error(Slot::b, package_of("1.0.0", image_of("1", 8 * kMiB))),
              "general.no_space");
    ::umount2(small.c_str(), MNT_DETACH);
}

class LoopDevice {
public:
    explicit LoopDevice(const fs::path& file) {
        const auto made = run_process({.command = {"losetup", "--find", "--show", file.string()}});
        if (made && made->exit_code == 0) path_ = made->output.substr(0, made->output.find('\n'));
    }
    ~LoopDevice() {
        if (!path_.empty()) (void)run_process({.command = {"losetup", "--detach", path_.string()}});
    }
    LoopDevice(const LoopDevice&) = delete;
    LoopDevice& operator=(const LoopDevice&) = delete;
    const fs::path& path() const { return path_; }

private:
    fs::path path_;
};

struct RealBlockDevice : BlockSlotsTest {
    void SetUp() override {
        loop_.emplace(options.b);
        if (loop_->path().empty()) GTEST_SKIP() << "there is no loop device for us";
        options.b = loop_->path();
    }
    std::optional<LoopDevice> loop_;
};

TEST_F(RealBlockDevice, IsWrittenAndReadBack) {
    const auto package = package_of("1.0.0", image_of("1", 5 * kMiB + 513));
    EXPECT_EQ(slots().space(Slot::b)->available_bytes, kPartitionBytes);
    const auto written = write(Slot::b, package);
    ASSERT_TRUE(written) << written.error().text();
    EXPECT_TRUE(on_disk(options.b, package.content.size()) == package.content);
    EXPECT_EQ(held(Slot::b), "1.0.0");
    ASSERT_TRUE(slots().erase(Slot::b));
    EXPECT_EQ(held(Slot::b), "not_found");
}

TEST_F(RealBlockDevice, ThatIsMountedIsRefused) {
    const auto made = run_process({.command = {"mke2fs", "-q", "-t", "ext4", options.b.string()}});
    ASSERT_TRUE(made && made->exit_code == 0);
    const auto at = folder.path() / "mnt";
    fs::create_directory(at);
    if (::mount(options.b.c_str(), at.c_str(), "ext4", MS_RDONLY, nullptr) != 0)
        GTEST_SKIP() << "ext4 cannot be mounted here: " << std::strerror(errno);
    const auto written = write(Slot::b, package_of("1.0.0"));
    ::umount2(at.c_str(), 0);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().id, "slot.mounted");
    EXPECT_NE(written.error().message.find(at.string()), std::string::npos);
}

TEST_F(RealBlockDevice, ThatSomebodyElseHoldsIsRefused) {
    const auto holder = open_file(options.b, O_RDONLY | O_EXCL);
    ASSERT_TRUE(holder);
    const auto written = write(Slot::b, package_of("1.0.0"));
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().id, "slot.mounted");
}

TEST_F(BlockSlotsTest, AdoptingClaimsWhatIsThereAlready) {
    const auto package = package_of("1.0.0");
    std::fstream(options.a, std::ios::in | std::ios::out | std::ios::binary) << package.content;
    const auto before = on_disk(options.a, kPartitionBytes);
    TextSource content(package.content);
    const auto adopted = slots().adopt(Slot::a, package.manifest, content);
    ASSERT_TRUE(adopted) << adopted.error().text();
    EXPECT_EQ(held(Slot::a), "1.0.0");
    EXPECT_TRUE(on_disk(options.a, kPartitionBytes) == before);
}

TEST_F(BlockSlotsTest, AdoptingSomethingElseIsRefused) {
    const auto package = package_of("1.0.0");
    std::fstream(options.a, std::ios::in | std::ios::out | std::ios::binary) << package.content;
    scribble(options.a, 2'000'000);
    TextSource content(package.content);
    const auto adopted = slots().adopt(Slot::a, package.manifest, content);
    ASSERT_FALSE(adopted);
    EXPECT_EQ(adopted.error().id, "slot.other_content");
    EXPECT_EQ(held(Slot::a), "not_found");
}

TEST_F(BlockSlotsTest, AnUpgradeCarriesWhatTheRunningBaseHas) {
    ASSERT_TRUE(write(Slot::a, package_of("1.0.0")));
    ASSERT_TRUE(write(Slot::b, package_of("2.0.0")));
    put(options.running_root / "etc/nos.conf", "as the image has it");
    put(options.running_root / "etc/other", "never persistent before");
    put(options.persist / "a/etc/nos.conf", "mine");
    auto store = slots_running(Slot::a);
    for (int i = 0; i < 2; ++i) {
        const auto carried =
            store.carry_persistent(Slot::a, Slot::b, {"etc/nos.conf", "etc/other"});
        ASSERT_TRUE(carried) << carried.error().text();
    }
    EXPECT_EQ(read_file(options.persist / "b/etc/nos.conf", 100).value(), "mine");
    EXPECT_EQ(read_file(options.persist / "b/etc/other", 100).value(), "never persistent before");
    put(options.persist / "b/etc/nos.conf", "changed in 2");
    EXPECT_EQ(read_file(options.persist / "a/etc/nos.conf", 100).value(), "mine")
        << "going back finds its own files";
}

// Cuts the power at every point at which something durable has just happened or is about to.
TEST_F(BlockSlotsTest, ACutLeavesTheOldNothingOrTheNew) {
    const auto package = package_of("2.0.0", image_of("2", 6 * kMiB));
    const auto old = package_of("1.0.0");
    int cuts = 0;
    for (long at = 1;; ++at) {
        ASSERT_TRUE(write(Slot::b, old));
        const auto child = ::fork();
        if (child == 0) {
            fault_restart(at, nullptr);
            const auto written = write(Slot::b, package);
            ::_exit(written ? 0 : 1);
        }
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        const auto now = held(Slot::b);
        if (now != "not_found") {
            const bool is_new = now == "2.0.0";
            EXPECT_TRUE(is_new || now == "1.0.0") << now << ", cut at " << at;
            const auto& held_package = is_new ? package : old;
            EXPECT_TRUE(on_disk(options.b, held_package.content.size()) == held_package.content)
                << at;
        }
        EXPECT_TRUE(write(Slot::b, package)) << "cut at " << at << ", then written again";
        if (WIFEXITED(status)) {
            EXPECT_EQ(WEXITSTATUS(status), 0);
            break;
        }
        ++cuts;
    }
    EXPECT_GT(cuts, 10);
}

}  // namespace
}  // namespace cutover
