// Trees: packed alike everywhere, unpacked nowhere but into their folder.

#include "package/tree.h"

#include <algorithm>
#include <archive.h>
#include <archive_entry.h>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "package/file_source.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

struct TreeTest : testing::Test {
    TempFolder temp = TempFolder::create("/tmp", "tree_test").value();
    fs::path source = temp.path() / "source";
    fs::path target = temp.path() / "target";

    void SetUp() override {
        fs::create_directory(source);
        fs::create_directory(target);
    }
    void put(const std::string& path, const std::string& text) const {
        fs::create_directories((source / path).parent_path());
        std::ofstream(source / path) << text;
    }
    Result<std::string> pack(TreeSize* size = nullptr) const {
        std::string stream;
        const auto packed = TRY(pack_tree(source, [&](std::span<const std::byte> bytes) {
            stream.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
            return Result<>();
        }));
        if (size != nullptr) *size = packed;
        return stream;
    }
    Result<TreeSize> unpack(const std::string& stream, std::uint64_t installed_bytes) const {
        MemorySource bytes(stream);
        return unpack_tree(bytes, target, {.installed_bytes = installed_bytes});
    }
    static std::string text_of(const fs::path& path) { return read_file(path, 1'000'000).value(); }
};

TEST_F(TreeTest, ComesOutAsItWentIn) {
    put("etc/nos.conf", "a=1\n");
    put("bin/tool", std::string(300'000, 'x'));
    put("etc/naïve name", "n");
    put(std::string(60, 'd') + "/" + std::string(180, 'f'), "a long path");
    put("empty", "");
    fs::create_directory(source / "var");
    fs::create_hard_link(source / "bin/tool", source / "bin/tool2");
    fs::create_symlink("tool", source / "bin/link");
    fs::create_symlink("/etc/nos.conf", source / "bin/absolute");
    fs::create_symlink("/", source / "root");
    ::chmod((source / "bin/tool").c_str(), 04755);
    ::chmod((source / "etc").c_str(), 0555);

    TreeSize packed;
    const auto stream = pack(&packed);
    ASSERT_TRUE(stream) << stream.error().text();
    EXPECT_EQ(measure_tree(source).value(), packed);
    const auto unpacked = unpack(*stream, packed.installed_bytes);
    ASSERT_TRUE(unpacked) << unpacked.error().text();
    EXPECT_EQ(*unpacked, packed);
    EXPECT_EQ(text_of(target / "etc/nos.conf"), "a=1\n");
    EXPECT_EQ(text_of(target / "etc/naïve name"), "n");
    EXPECT_EQ(text_of(target / std::string(60, 'd') / std::string(180, 'f')), "a long path");
    EXPECT_EQ(fs::file_size(target / "empty"), 0U);
    EXPECT_EQ(fs::read_symlink(target / "bin/link"), "tool");
    EXPECT_EQ(fs::read_symlink(target / "bin/absolute"), "../etc/nos.conf");
    EXPECT_EQ(fs::read_symlink(target / "root"), ".");
    EXPECT_TRUE(fs::equivalent(target / "bin/tool", target / "bin/tool2"));
    struct stat info{};
    ASSERT_EQ(::stat((target / "bin/tool").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777U, 04755U);
    EXPECT_EQ(info.st_mtime, 315532800);
    ASSERT_EQ(::stat((target / "etc").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777U, 0555U);
    EXPECT_EQ(info.st_mtime, 315532800);
    ::chmod((source / "etc").c_str(), 0755);
    ::chmod((target / "etc").c_str(), 0755);
}

TEST_F(TreeTest, TheSameContentGivesTheSameBytesWhateverTheTimesAndTheOrderOfMaking) {
    put("b", "2");
    put("a/c", "1");
    const auto first = pack().value();
    fs::remove_all(source);
    put("a/c", "1");
    put("b", "2");
    fs::last_write_time(source / "b", fs::file_time_type::clock::now() - std::chrono::hours(5));
    EXPECT_TRUE(pack().value() == first);
}

TEST_F(TreeTest, CheckingMakesTheSameChecksAndWritesNothing) {
    put("a/b", "1");
    TreeSize size;
    const auto stream = pack(&size).value();
    MemorySource bytes(stream);
    EXPECT_EQ(check_tree(bytes, {.installed_bytes = size.installed_bytes}).value(), size);
    EXPECT_TRUE(fs::is_empty(target));
}

TEST_F(TreeTest, AnotherSizeThanSaidIsRefused) {
    put("a", "1");
    TreeSize size;
    const auto stream = pack(&size).value();
    EXPECT_EQ(unpack(stream, size.installed_bytes - 1).error().id, "tree.size_lie");
    EXPECT_TRUE(fs::is_empty(target)) << "what does not fit is not even begun";
    EXPECT_EQ(unpack(stream, size.installed_bytes + 1).error().id, "tree.size_lie");
}

TEST_F(TreeTest, TellsHowMuchOfItsRoomIsUsed) {
    std::string content;
    content.resize(20'000'000, 'x');
    put("a", content);
    TreeSize size;
    const auto stream = pack(&size).value();
    std::vector<std::uint64_t> told;
    MemorySource bytes(stream);
    ASSERT_TRUE(unpack_tree(
        bytes, target,
        {.installed_bytes = size.installed_bytes, .on_progress = [&](std::uint64_t used) {
             told.push_back(used);
             return Result<>();
         }}));
    EXPECT_GE(told.size(), 4U);
    EXPECT_TRUE(std::ranges::is_sorted(told));
    EXPECT_EQ(told.back(), size.installed_bytes);
}

TEST_F(TreeTest, WhatATreeCannotHoldIsNotPacked) {
    ASSERT_EQ(::mkfifo((source / "pipe").c_str(), 0600), 0);
    EXPECT_EQ(pack().error().id, "tree.special_file");
    fs::remove(source / "pipe");
    fs::create_symlink("../../etc/passwd", source / "link");
    EXPECT_EQ(pack().error().id, "tree.link_outside");
}

// A stream as a forger would make it.
struct Forged {
    std::string path;
    unsigned type = AE_IFREG;
    std::string target;
    bool hard = false;
    std::string content = {};
};

std::string forge(const std::vector<Forged>& entries) {
    std::string stream(3'000'000, '\0');
    std::size_t used = 0;
    auto* const writer = archive_write_new();
    archive_write_set_format_pax_restricted(writer);
    archive_write_set_bytes_in_last_block(writer, 1);
    archive_write_open_memory(writer, stream.data(), stream.size(), &used);
    for (const auto& forged : entries) {
        auto* const entry = archive_entry_new();
        archive_entry_set_pathname(entry, forged.path.c_str());
        archive_entry_set_mode(entry, forged.type | 0755U);
        if (forged.hard)
            archive_entry_set_hardlink(entry, forged.target.c_str());
        else if (forged.type == AE_IFLNK)
            archive_entry_set_symlink(entry, forged.target.c_str());
        else
            archive_entry_set_size(entry, static_cast<la_int64_t>(forged.content.size()));
        archive_write_header(writer, entry);
        archive_write_data(writer, forged.content.data(), forged.content.size());
        archive_entry_free(entry);
    }
    archive_write_close(writer);
    archive_write_free(writer);
    stream.resize(used);
    return stream;
}

struct Attack {
    const char* name;
    std::vector<Forged> entries;
    const char* id;
};

struct TreeAttacks : testing::TestWithParam<Attack> {};

TEST_P(TreeAttacks, AreRefusedAndNothingIsWrittenOutside) {
    const auto temp = TempFolder::create("/tmp", "tree_attack").value();
    const auto target = temp.path() / "inside";
    fs::create_directory(target);
    const auto stream = forge(GetParam().entries);
    MemorySource bytes(stream);
    const auto unpacked = unpack_tree(bytes, target, {.installed_bytes = 1'000'000});
    ASSERT_FALSE(unpacked);
    EXPECT_EQ(unpacked.error().id, GetParam().id) << unpacked.error().text();
    EXPECT_EQ(std::distance(fs::directory_iterator(temp.path()), fs::directory_iterator()), 1);
    MemorySource again(stream);
    EXPECT_EQ(check_tree(again, {.installed_bytes = 1'000'000}).error().id, GetParam().id);
}

const Forged kFolder{.path = "d", .type = AE_IFDIR};
INSTANTIATE_TEST_SUITE_P(
    All, TreeAttacks,
    testing::Values(
        Attack{"absolute", {{.path = "/tmp/evil"}}, "tree.absolute_path"},
        Attack{"up", {{.path = "../evil"}}, "tree.path_traversal"},
        Attack{"up_later", {kFolder, {.path = "d/../../evil"}}, "tree.path_traversal"},
        Attack{"dot", {{.path = "./a"}}, "tree.path_traversal"},
        Attack{"empty_name", {kFolder, {.path = "d//a"}}, "tree.path_traversal"},
        Attack{"absolute_link",
               {{.path = "l", .type = AE_IFLNK, .target = "/etc"}},
               "tree.link_outside"},
        Attack{"link_up",
               {kFolder, {.path = "d/l", .type = AE_IFLNK, .target = "../.."}},
               "tree.link_outside"},
        Attack{"link_up_through_a_name",
               {{.path = "l", .type = AE_IFLNK, .target = "a/../.."}},
               "tree.link_outside"},
        Attack{"link_up_through_another_link",
               {kFolder,
                {.path = "d/s", .type = AE_IFLNK, .target = ".."},
                {.path = "t", .type = AE_IFLNK, .target = "d/s/../.."}},
               "tree.link_outside"},
        Attack{"through_a_link",
               {{.path = "a", .type = AE_IFLNK, .target = "b"}, {.path = "a/evil"}},
               "tree.through_link"},
        Attack{"through_a_file", {{.path = "a"}, {.path = "a/evil"}}, "tree.through_link"},
        Attack{"without_its_folder", {{.path = "a/b"}}, "tree.through_link"},
        Attack{"hard_link_outside",
               {{.path = "l", .target = "/etc/passwd", .hard = true}},
               "tree.link_outside"},
        Attack{
            "hard_link_up", {{.path = "l", .target = "../x", .hard = true}}, "tree.link_outside"},
        Attack{"hard_link_to_a_link",
               {{.path = "a", .type = AE_IFLNK, .target = "b"},
                {.path = "l", .target = "a", .hard = true}},
               "tree.link_outside"},
        Attack{"character_device", {{.path = "n", .type = AE_IFCHR}}, "tree.special_file"},
        Attack{"block_device", {{.path = "n", .type = AE_IFBLK}}, "tree.special_file"},
        Attack{"pipe", {{.path = "n", .type = AE_IFIFO}}, "tree.special_file"},
        Attack{"twice", {{.path = "a"}, {.path = "a"}}, "tree.duplicate"},
        Attack{"folder_twice", {kFolder, kFolder}, "tree.duplicate"},
        Attack{"again_later", {{.path = "a"}, {.path = "b"}, {.path = "a"}}, "tree.order"},
        Attack{"larger_than_said",
               {{.path = "a", .content = std::string(1'100'000, 'x')}},
               "tree.size_lie"}),
    [](const auto& attack) { return std::string(attack.param.name); });

TEST_F(TreeTest, AStreamThatIsCutOrGoesOnIsRefused) {
    put("a", "content");
    TreeSize size;
    const auto stream = pack(&size).value();
    for (std::size_t cut = 0; cut < stream.size(); cut += 100) {
        fs::remove(target / "a");
        EXPECT_FALSE(unpack(stream.substr(0, cut), size.installed_bytes)) << cut;
    }
    fs::remove(target / "a");
    EXPECT_EQ(unpack(stream + std::string(512, '\0'), size.installed_bytes).error().id,
              "tree.malformed");
    fs::remove(target / "a");
    EXPECT_FALSE(unpack(std::string(4096, 'x'), size.installed_bytes));
}

TEST_F(TreeTest, TheCapabilityOfAFileIsKept) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can set it";
    put("ping", "x");
    // cap_net_raw=ep, as setcap(8) writes it.
    const std::string capability(
        "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00"
        "\x00\x00\x00\x00\x00\x00\x00\x00",
        20);
    if (::setxattr((source / "ping").c_str(), "security.capability", capability.data(),
                   capability.size(), 0) != 0)
        GTEST_SKIP() << "this file system has no capabilities";
    TreeSize size;
    const auto stream = pack(&size).value();
    ASSERT_TRUE(unpack(stream, size.installed_bytes));
    std::string kept(100, '\0');
    const auto length =
        ::getxattr((target / "ping").c_str(), "security.capability", kept.data(), kept.size());
    ASSERT_EQ(length, 20);
    EXPECT_EQ(kept.substr(0, 20), capability);
}

}  // namespace
}  // namespace cutover
