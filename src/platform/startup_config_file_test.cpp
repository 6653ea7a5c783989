#include "platform/startup_config_file.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "model/device.h"
#include "platform/startup_config.h"

namespace cutover {
namespace {

struct StartupConfigFiles : testing::Test {
    Result<TempFolder> folder = TempFolder::create(testing::TempDir(), "startup");
    std::filesystem::path place = folder->path() / "startup-config";
    StartupConfigFile config{place};
    const StartupConfigStatus about{.source = "http://host/a.cfg",
                                    .version = "sha256:12",
                                    .stored = WallTime(std::chrono::seconds(1'795'000'000))};

    std::string content() const { return read_file(place / "config", 1 << 20).value_or("none"); }
};

TEST_F(StartupConfigFiles, WithoutOneItIsTheFactorys) {
    EXPECT_EQ(config.status().value(), StartupConfigStatus{});
}

TEST_F(StartupConfigFiles, WhatIsStoredIsKeptAndSaysWhereItCameFrom) {
    ASSERT_TRUE(config.store("hostname a\n", about));
    EXPECT_EQ(StartupConfigFile(place).status().value(), about);
    EXPECT_EQ(content(), "hostname a\n");
}

TEST_F(StartupConfigFiles, WhatCannotBeOneLeavesTheOldOneAlone) {
    ASSERT_TRUE(config.store("hostname a\n", about));
    EXPECT_EQ(config.store("", about).error().id, "startup_config.unusable");
    EXPECT_EQ(config.store(std::string(kMaxStartupConfigBytes + 1, 'x'), about).error().id,
              "startup_config.unusable");
    EXPECT_EQ(config.store("b", {.source = "a\nversion 9"}).error().id, "startup_config.unusable");
    EXPECT_EQ(content(), "hostname a\n");
    EXPECT_EQ(config.status().value(), about);
}

TEST_F(StartupConfigFiles, OneThatSomebodyElseHasChangedHasNoKnownVersion) {
    ASSERT_TRUE(config.store("hostname a\n", about));
    std::ofstream(place / "config") << "hostname b\n";
    EXPECT_EQ(config.status().value(), StartupConfigStatus{.version = "unknown"});
}

}  // namespace
}  // namespace cutover
