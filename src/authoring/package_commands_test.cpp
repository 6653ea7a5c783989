// The commands as a person or script calls them.

#include "authoring/package_commands.h"

#include <CLI/App.hpp>
#include <CLI/CLI.hpp>  // IWYU pragma: keep
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"

namespace cutover {
namespace {

using testing::HasSubstr;

struct PackageCommands : testing::Test {
    TempFolder folder = TempFolder::create("/tmp", "authoring").value();
    std::string out;

    void SetUp() override {
        ::setenv("SOURCE_DATE_EPOCH", "1767225600", 1);
        put("package.toml",
            "[package]\nname = \"nos\"\nversion = \"1.0\"\n"
            "[payload]\ntype = \"tree\"\npath = \"rootfs\"\n");
        put("rootfs/etc/nos.conf", "a=1\n");
    }
    void TearDown() override { ::unsetenv("SOURCE_DATE_EPOCH"); }

    std::string path(const std::string& name) const { return (folder.path() / name).string(); }
    void put(const std::string& name, const std::string& text) const {
        std::filesystem::create_directories((folder.path() / name).parent_path());
        std::ofstream(folder.path() / name) << text;
    }
    // What `cutover package WORDS` does; its standard output is in `out`.
    Result<> run(std::vector<std::string> words) {
        CLI::App app;
        ChosenCommand chosen;
        add_package_commands(app, chosen);
        words.insert(words.begin(), "package");
        std::ranges::reverse(words);
        app.parse(words);
        testing::internal::CaptureStdout();
        auto result = chosen();
        out = testing::internal::GetCapturedStdout();
        return result;
    }
    void make_signed(const std::string& name) {
        ASSERT_TRUE(run({"keygen", path("keys")}));
        const auto built =
            run({"build", "--spec", path("package.toml"), "--output", path(name), "--key",
                 path("keys/signer.key"), "--cert", path("keys/signer.crt")});
        ASSERT_TRUE(built) << built.error().text();
    }
};

TEST_F(PackageCommands, GoFromKeysToFilesOnDisk) {
    make_signed("nos.cc");
    EXPECT_THAT(out, HasSubstr("base nos 1.0"));
    ASSERT_TRUE(run({"verify", path("nos.cc"), "--trust", path("keys/ca.crt")}));
    EXPECT_THAT(out, HasSubstr("whole and unchanged"));
    ASSERT_TRUE(run({"extract", path("nos.cc"), path("x"), "--trust", path("keys/ca.crt")}));
    EXPECT_EQ(read_file(path("x/root/etc/nos.conf"), 100).value(), "a=1\n");
    EXPECT_TRUE(std::filesystem::exists(path("x/manifest.json")));
}

TEST_F(PackageCommands, BuildingAndSigningMayBeApart) {
    ASSERT_TRUE(run({"keygen", path("keys")}));
    ASSERT_TRUE(run({"build", "--spec", path("package.toml"), "-o", path("nos.cc")}));
    EXPECT_EQ(run({"verify", path("nos.cc"), "--trust", path("keys/ca.crt")}).error().id,
              "package.unsigned");
    ASSERT_TRUE(run({"sign", path("nos.cc"), "--key", path("keys/signer.key"), "--cert",
                     path("keys/signer.crt")}));
    EXPECT_TRUE(run({"verify", path("nos.cc"), "--trust", path("keys/ca.crt")}));
}

TEST_F(PackageCommands, FlagsOverrideTheFile) {
    ASSERT_TRUE(run({"build", "--spec", path("package.toml"), "-o", path("nos.cc"), "--name", "ros",
                     "--version", "2.1", "--epoch", "4", "--summary", "Short", "--kind", "feature",
                     "--chunk-size", "4k", "--json"}));
    EXPECT_EQ(nlohmann::json::parse(out)["version"], "2.1");
    ASSERT_TRUE(run({"show", path("nos.cc"), "--json"}));
    const auto shown = nlohmann::json::parse(out);
    EXPECT_EQ(shown["manifest"]["name"], "ros");
    EXPECT_EQ(shown["manifest"]["epoch"], 4);
    EXPECT_EQ(shown["manifest"]["kind"], "feature");
    EXPECT_EQ(shown["manifest"]["created"], "2026-01-01T00:00:00Z");
    EXPECT_EQ(shown["signature"]["state"], "missing");
}

TEST_F(PackageCommands, ShowSaysWhatTheSignatureIsWorth) {
    make_signed("nos.cc");
    ASSERT_TRUE(run({"show", path("nos.cc")}));
    EXPECT_THAT(out, HasSubstr("not checked, by CN=Release signing"));
    ASSERT_TRUE(run({"show", path("nos.cc"), "--trust", path("keys")}));
    EXPECT_THAT(out, HasSubstr("trusted, by CN=Release signing"));
}

TEST_F(PackageCommands, KeysAreNeverOverwrittenAndAnAuthorityIsKept) {
    ASSERT_TRUE(run({"keygen", path("keys")}));
    EXPECT_EQ(run({"keygen", path("keys")}).error().id, "authoring.exists");
    const auto authority = read_file(path("keys/ca.crt"), 10'000).value();
    std::filesystem::remove(path("keys/signer.key"));
    std::filesystem::remove(path("keys/signer.crt"));
    ASSERT_TRUE(run({"keygen", path("keys")}));
    EXPECT_EQ(read_file(path("keys/ca.crt"), 10'000).value(), authority);
    const auto mode = std::filesystem::status(path("keys/signer.key")).permissions();
    EXPECT_EQ(mode, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(PackageCommands, ASpecWithAMistakeNamesTheFileAndTheLine) {
    put("package.toml", "[package]\nnmae = \"nos\"\n");
    const auto built = run({"build", "--spec", path("package.toml")});
    ASSERT_FALSE(built);
    EXPECT_EQ(built.error().id, "spec.unknown_key");
    EXPECT_THAT(built.error().text(), HasSubstr("package.toml"));
    EXPECT_THAT(built.error().text(), HasSubstr("line 2"));
}

TEST_F(PackageCommands, ASourceDateThatIsNoNumberIsRefused) {
    ::setenv("SOURCE_DATE_EPOCH", "tomorrow", 1);
    EXPECT_EQ(run({"build", "--spec", path("package.toml"), "-o", path("x")}).error().id,
              "authoring.bad_option");
}

TEST_F(PackageCommands, NothingIsExtractedOverOtherFiles) {
    make_signed("nos.cc");
    put("x/precious", "1");
    EXPECT_EQ(run({"extract", path("nos.cc"), path("x")}).error().id, "authoring.exists");
}

}  // namespace
}  // namespace cutover
