#include "backup/backup_file.h"

#include <cstddef>
#include <fcntl.h>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backup/backup_manifest.h"
#include "backup/test_backups.h"
#include "base/error.h"
#include "base/files.h"
#include "model/backups.h"
#include "package/file_source.h"

namespace cutover {
namespace {

using testing::HasSubstr;

Result<Backup> read(std::string_view file, std::map<std::string, std::string>* contents = nullptr) {
    MemorySource source(file);
    return read_backup(source, [&](const BackupMember& member, std::span<const std::byte> piece) {
        if (contents)
            (*contents)[member.name].append(reinterpret_cast<const char*>(piece.data()),
                                            piece.size());
        return Result<>();
    });
}

std::string refusal(std::string_view file) {
    const auto backup = read(file);
    EXPECT_FALSE(backup);
    if (backup) return "";
    EXPECT_TRUE(backup.error().id == "backup.damaged") << backup.error().id;
    return backup.error().text();
}

std::string good() { return backup_of(manifest_of(kSomeMembers), kSomeMembers); }

TEST(BackupFile, GivesBackWhatWasWritten) {
    const auto folder = TempFolder::create(testing::TempDir(), "backup").value();
    const auto database = folder.path() / "db";
    const std::string content(300'000, 'x');
    ASSERT_TRUE(write_file_durably(database, content));
    const auto file = folder.path() / "a.backup";
    const auto fd = open_file(file, O_WRONLY | O_CREAT).value();
    const auto written = write_backup(about_nos(),
                                      {{.name = "device.db", .file = database},
                                       {.name = "device.toml", .text = "# nothing\n"},
                                       {.name = "access/users.json", .text = ""}},
                                      fd.get(), file);
    ASSERT_TRUE(written) << written.error().text();
    std::map<std::string, std::string> contents;
    const auto whole = read(read_file(file, 1'000'000).value(), &contents);
    ASSERT_TRUE(whole) << whole.error().text();
    EXPECT_EQ(*whole, *written);
    EXPECT_EQ(contents["device.db"], content);
    EXPECT_EQ(contents["device.toml"], "# nothing\n");
    EXPECT_TRUE(contents.contains("access/users.json"));

    const auto unpacked = unpack_backup(file, folder.path() / "to");
    ASSERT_TRUE(unpacked) << unpacked.error().text();
    EXPECT_EQ(read_file(folder.path() / "to/access/users.json", 10).value(), "");
    EXPECT_EQ(std::filesystem::file_size(folder.path() / "to/device.db"), content.size());
}

TEST(BackupFile, IsRefusedWithOneByteChangedOrMissing) {
    const auto file = good();
    ASSERT_TRUE(read(file));
    for (std::size_t at = 0; at < file.size(); ++at) {
        auto changed = file;
        changed[at] = static_cast<char>(changed[at] ^ 1);
        const auto backup = read(changed);
        // A bit of the frame's header that means nothing may differ, but never what comes out.
        if (backup) {
            EXPECT_EQ(*backup, *read(file)) << at;
        }
        EXPECT_FALSE(read(std::string_view(file).substr(0, at))) << at;
    }
    EXPECT_THAT(refusal(file + "x"), HasSubstr("after it"));
    EXPECT_THAT(refusal(file + file), HasSubstr("after it"));
}

TEST(BackupFile, HasEachMemberWithTheDigestOfItsManifest) {
    for (std::size_t i = 0; i < kSomeMembers.size(); ++i) {
        auto members = kSomeMembers;
        members[i].text[0] ^= 1;
        EXPECT_THAT(refusal(backup_of(manifest_of(kSomeMembers), members)),
                    HasSubstr(members[i].name + " is not what was backed up"));
    }
}

TEST(BackupFile, HasTheMembersOfItsManifestAndNoOthers) {
    auto more = kSomeMembers;
    more.push_back({"trust/evil.crt", "x"});
    EXPECT_THAT(refusal(backup_of(manifest_of(kSomeMembers), more)), HasSubstr("not name all"));
    auto fewer = kSomeMembers;
    fewer.pop_back();
    (void)refusal(backup_of(manifest_of(kSomeMembers), fewer));
    auto twice = kSomeMembers;
    twice.push_back(kSomeMembers.back());
    EXPECT_THAT(refusal(backup_of(manifest_of(twice), twice)), HasSubstr("twice"));
    auto other_order = kSomeMembers;
    std::swap(other_order[1], other_order[2]);
    EXPECT_THAT(refusal(backup_of(manifest_of(kSomeMembers), other_order)),
                HasSubstr("not those of its manifest"));
}

TEST(BackupFile, NamesNothingOutsideOfABackup) {
    for (const auto* name :
         {"../device.toml", "/etc/passwd", "trust/../x", "trust/", "trust/a/b", "trust/.hidden",
          "access/audit.log", "trust/a\nb", "key.pem", "manifest.json", "trust"}) {
        auto members = kSomeMembers;
        members.push_back({name, "x"});
        EXPECT_THAT(refusal(backup_of(manifest_of(members), members)), HasSubstr("unknown"))
            << name;
    }
}

TEST(BackupFile, IsNeitherALinkNorASparseFileNorAPackage) {
    auto tar = tar_of({{std::string(kBackupManifest), manifest_of(kSomeMembers)}, {"a", ""}});
    for (const char type : {'1', '2', 'S', 'L', '5'}) {
        auto changed = tar;
        changed[156] = type;
        (void)refusal(compressed(changed));
    }
    EXPECT_THAT(refusal("#!/bin/sh\n"), HasSubstr("decompressed"));
    EXPECT_THAT(refusal(""), HasSubstr("too early"));
}

TEST(BackupFile, ThatIsABombEndsEarly) {
    auto members = kSomeMembers;
    members[1].text.assign(std::size_t{2} * 1024 * 1024, ' ');  // more than a device.toml may have
    EXPECT_THAT(refusal(backup_of(manifest_of(members), members)), HasSubstr("more than"));
    const std::string manifest(std::size_t{1024} * 1024, ' ');
    EXPECT_THAT(refusal(backup_of(manifest, {})), HasSubstr("does not begin with a manifest"));
}

TEST(BackupFile, ThatANewerAgentHasWrittenSaysSo) {
    auto manifest = manifest_of(kSomeMembers);
    manifest.replace(manifest.find("\"format\": 1"), 11, "\"format\": 2");
    const auto backup = read(backup_of(manifest, kSomeMembers));
    ASSERT_FALSE(backup);
    EXPECT_EQ(backup.error().id, "backup.newer");
}

TEST(BackupFile, NeedsEveryKeyOfItsManifest) {
    const auto manifest = manifest_of(kSomeMembers);
    for (const auto* key :
         {"name", "made", "automatic", "device", "hardware", "uuid", "agent", "base", "packages",
          "generation", "update-level", "members", "format"}) {
        auto without = manifest;
        const auto at = without.find(fmt::format("\"{}\"", key));
        ASSERT_NE(at, std::string::npos);
        without[at + 1] = '_';
        (void)refusal(backup_of(without, kSomeMembers));
    }
    (void)refusal(backup_of("[]", kSomeMembers));
    (void)refusal(backup_of("{", kSomeMembers));
}

}  // namespace
}  // namespace cutover
