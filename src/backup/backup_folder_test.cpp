#include "backup/backup_folder.h"

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backup/backup_file.h"
#include "backup/backup_manifest.h"
#include "backup/put_back.h"
#include "backup/test_backups.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "model/backup_config.h"
#include "model/backups.h"
#include "model/generation.h"
#include "model/package_kind.h"
#include "model/version.h"
#include "store/store.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class BackupFolderTest : public testing::Test {
protected:
    BackupFolderTest() {
        put("device.toml", "[device]\nname = \"edge-1\"\n");
        put("trust/ca.crt", "certificate");
        put("access/users.json", "users");
        put("data/startup-config/config", "hostname edge-1");
        put("data/startup-config/about", "about");
        store_ = std::make_unique<Store>(Store::open(device() / "device.db").value());
    }
    fs::path device() const { return folder_.path(); }
    void put(const fs::path& file, std::string_view text) const {
        EXPECT_TRUE(make_folders((device() / file).parent_path()));
        EXPECT_TRUE(write_file_durably(device() / file, text));
    }
    std::string text_of(const fs::path& file) const {
        return read_file(device() / file, 1'000'000).value_or("(none)");
    }
    BackupPlaces places() const {
        return {.device = device(),
                .trust = device() / "trust",
                .startup_config = device() / "data" / "startup-config"};
    }
    Backup create(std::string_view made = "2026-11-21T10:02:11Z", bool automatic = false) const {
        auto about = about_nos();
        about.made = from_iso8601(made).value();
        about.automatic = automatic;
        auto backup = backups().create(about, "");
        EXPECT_TRUE(backup) << backup.error().text();
        return backup.value_or(Backup{});
    }
    BackupFolder backups() const { return BackupFolder(places()); }
    std::vector<std::string> names() const {
        std::vector<std::string> names;
        const auto all = backups().list().value();
        names.reserve(all.size());
        for (const auto& backup : all) names.push_back(backup.name);
        return names;
    }

    TempFolder folder_ = TempFolder::create(testing::TempDir(), "backups").value();
    std::unique_ptr<Store> store_;
};

TEST_F(BackupFolderTest, HoldsThePackagesWhoseFilesAreKeptWhenAskedTo) {
    auto about = about_nos();
    about.made = from_iso8601("2026-11-21T10:02:11Z").value();
    const auto digest = [](char digit) { return std::string(64, digit); };
    about.packages = {{.kind = PackageKind::feature,
                       .name = "web",
                       .version = Version::parse("1.0").value(),
                       .digest = digest('a')},
                      {.kind = PackageKind::feature,
                       .name = "dns",
                       .version = Version::parse("2.0").value(),
                       .digest = digest('b')}};
    put(fs::path("packages") / digest('a'), "the package as it came");
    const auto without = backups().create(about, "without").value();
    EXPECT_FALSE(holds(without, about.packages[0]));
    const auto with = backups().create(about, "with", true).value();
    EXPECT_TRUE(holds(with, about.packages[0]));
    EXPECT_FALSE(holds(with, about.packages[1])) << "its file is not kept";
    EXPECT_TRUE(backups().verify(with.name));
    EXPECT_EQ(backups().show(with.name)->packages, about.packages);
}

TEST_F(BackupFolderTest, APackageInABackupIsNamedByItsDigestAlone) {
    EXPECT_TRUE(most_bytes_of_member("packages/" + std::string(64, 'a')));
    for (const auto& name : {"packages/" + std::string(63, 'a'), "packages/" + std::string(64, 'A'),
                             "packages/../" + std::string(61, 'a'), std::string("packages/")})
        EXPECT_FALSE(most_bytes_of_member(name)) << name;
}

TEST_F(BackupFolderTest, KeepsWhatTheDeviceIsSetToAndNoSecretsOfItsOwn) {
    put("trust/key.pem", "-----BEGIN PRIVATE KEY-----");
    put("access/audit.log", "who did what");
    const auto made = create();
    EXPECT_EQ(made.name, "nos-1.1.0@2026-11-21T10:02:11Z");
    std::vector<std::string> members;
    members.reserve(made.members.size());
    for (const auto& member : made.members) members.push_back(member.name);
    EXPECT_THAT(members,
                ElementsAre("device.db", "device.toml", "access/users.json", "startup-config/about",
                            "startup-config/config", "trust/ca.crt"));
    const auto verified = backups().verify(made.name);
    ASSERT_TRUE(verified) << verified.error().text();
    EXPECT_EQ(*verified, made);
    EXPECT_EQ(*backups().show(made.name), made);
    struct stat info{};
    ASSERT_EQ(::stat((device() / "backups" / (made.name + ".backup")).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U) << "it holds the hashes of passwords";
}

TEST_F(BackupFolderTest, HoldsTheKeyringWhichComesBackForItsOwnerAlone) {
    put("keys/AES256CFB128", "0123456789abcdef");
    put("keys/.hidden", "no name of a key");
    put("keys/huge", std::string(65 * 1024, 'x'));
    put("elsewhere", "secret of another");
    fs::create_symlink("../elsewhere", device() / "keys" / "link");
    const auto made = create();
    std::vector<std::string> keys;
    for (const auto& member : made.members)
        if (member.name.starts_with("keys/")) keys.push_back(member.name);
    EXPECT_THAT(keys, ElementsAre("keys/AES256CFB128"));

    ASSERT_TRUE(remove_tree(device() / "keys"));
    put("keys/LATER", "came after the backup");
    const auto file = backups().find(made.name);
    ASSERT_TRUE(unpack_backup(*file, device() / "unpacked"));
    const auto back = put_back(device() / "unpacked", places());
    ASSERT_TRUE(back) << back.error().text();
    EXPECT_EQ(text_of("keys/AES256CFB128"), "0123456789abcdef");
    EXPECT_EQ(text_of("keys/LATER"), "came after the backup");
    EXPECT_EQ(fs::status(device() / "keys/AES256CFB128").permissions(),
              fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(BackupFolderTest, HoldsTheDatabaseAsOfOneInstantThoughItIsWrittenTo) {
    ASSERT_TRUE(store_->transact([&]() -> Result<> {
        TRY(store_->set_epoch(7));
        // Not committed yet, so not in it.
        const auto made = create();
        const auto unpacked = unpack_backup(*backups().find(made.name), device() / "unpacked");
        EXPECT_TRUE(unpacked) << unpacked.error().text();
        return {};
    }));
    EXPECT_EQ(store_->epoch().value(), 7U);
    auto copy = Store::open(device() / "unpacked" / "device.db");
    ASSERT_TRUE(copy) << copy.error().text();
    EXPECT_EQ(copy->epoch().value(), 0U);
}

TEST_F(BackupFolderTest, NamesTwoOfOneSecondApartAndListsTheOldestFirst) {
    create("2026-11-21T10:02:12Z");
    create();
    create();
    EXPECT_THAT(names(),
                ElementsAre("nos-1.1.0@2026-11-21T10:02:11Z", "nos-1.1.0@2026-11-21T10:02:11Z.2",
                            "nos-1.1.0@2026-11-21T10:02:12Z"));
}

TEST_F(BackupFolderTest, ListsWhatCannotBeReadWithTheReason) {
    create();
    put("backups/broken.backup", "x");
    put("backups/notes.txt", "x");
    const auto all = backups().list().value();
    ASSERT_THAT(all, SizeIs(2));
    EXPECT_EQ(all.front().name, "broken");
    EXPECT_THAT(all.front().problem, HasSubstr("decompressed"));
    EXPECT_EQ(backups().verify("broken").error().id, "backup.damaged");
}

TEST_F(BackupFolderTest, TakesNoNameThatLeadsElsewhere) {
    for (const auto* name : {"../x", "a/b", "", ".", "-x", "nine lives"})
        if (*name != '\0') {
            EXPECT_FALSE(backups().create(about_nos(), name)) << name;
        }
    for (const auto* name : {"../device", "x/y", "", ".lock", "nos"})
        EXPECT_EQ(backups().find(name).error().id, "backup.unknown") << name;
    EXPECT_FALSE(backups().prune({(device() / "device.toml").string()}));
    EXPECT_EQ(text_of("device.toml"), "[device]\nname = \"edge-1\"\n");
}

TEST_F(BackupFolderTest, RemovesWhatACutHasLeft) {
    create();
    put("backups/.new-cut/device.db", "half");
    create();
    EXPECT_FALSE(fs::exists(device() / "backups/.new-cut"));
    EXPECT_THAT(names(), SizeIs(2));
}

TEST_F(BackupFolderTest, PrunesAutomaticOnesByNumberAgeAndSpace) {
    create("2026-01-01T00:00:00Z");
    for (const auto* made : {"2026-03-01T00:00:00Z", "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z",
                             "2026-11-03T00:00:00Z"})
        create(made, true);
    const auto now = from_iso8601("2026-11-04T00:00:00Z").value();
    BackupConfig policy;
    EXPECT_THAT(backups().prune(policy, now)->names, ElementsAre("nos-1.1.0@2026-03-01T00:00:00Z"))
        << "older than 90 days";
    policy.keep = 2;
    EXPECT_THAT(backups().prune(policy, now)->names, ElementsAre("nos-1.1.0@2026-11-01T00:00:00Z"));
    policy.max_space = 1;
    EXPECT_THAT(backups().prune(policy, now)->names, ElementsAre("nos-1.1.0@2026-11-02T00:00:00Z"));
    EXPECT_THAT(backups().prune(policy, now)->names, IsEmpty()) << "the newest is always kept";
    EXPECT_THAT(names(),
                ElementsAre("nos-1.1.0@2026-01-01T00:00:00Z", "nos-1.1.0@2026-11-03T00:00:00Z"))
        << "a person's stays until a person removes it";
}

TEST_F(BackupFolderTest, PutsFilesBackAsTheyWere) {
    const auto made = create();
    put("device.toml", "[device]\nname = \"changed\"\n");
    put("trust/late.crt", "came later");
    put("trust/late.crl", "-----BEGIN X509 CRL-----");
    put("trust/ca.crt", "changed");
    put("known_hosts", "came later");
    ASSERT_TRUE(remove_tree(device() / "access"));
    ASSERT_TRUE(remove_tree(device() / "data/startup-config"));
    const auto unpacked = device() / "unpacked";
    ASSERT_TRUE(unpack_backup(*backups().find(made.name), unpacked));
    for (int twice = 0; twice < 2; ++twice) {
        const auto notes = put_back(unpacked, places());
        ASSERT_TRUE(notes) << notes.error().text();
        if (twice == 0) {
            EXPECT_THAT(*notes, Contains(HasSubstr("late.crt is trusted no more")));
        }
        EXPECT_THAT(*notes, Contains(HasSubstr("late.crl stays")));
    }
    EXPECT_EQ(text_of("device.toml"), "[device]\nname = \"edge-1\"\n");
    EXPECT_EQ(text_of("trust/ca.crt"), "certificate");
    EXPECT_EQ(text_of("trust/late.crt"), "(none)");
    EXPECT_EQ(text_of("trust/late.crl"), "-----BEGIN X509 CRL-----")
        << "what was revoked since stays revoked";
    EXPECT_EQ(text_of("known_hosts"), "(none)");
    EXPECT_EQ(text_of("access/users.json"), "users");
    EXPECT_EQ(text_of("data/startup-config/config"), "hostname edge-1");
}

}  // namespace
}  // namespace cutover
