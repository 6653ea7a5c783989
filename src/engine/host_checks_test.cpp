#include "engine/host_checks.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/simulated_device.h"
#include "model/device_config.h"
#include "model/host_needs.h"
#include "model/operation.h"
#include "model/package_kind.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

struct HostChecks : testing::Test {
    SimulatedDevice device{DeviceConfig{.slots_backend = "tree"}};

    HostChecks() {
        put("system/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n");
        put("system/usr/lib/libz.so.1.2.13", "");
        fs::create_symlink("libz.so.1.2.13", device.folder() / "system/usr/lib/libz.so.1");
        put("system/usr/lib/libbare.so.1", "");
    }
    void put(const std::string& path, const std::string& text) const {
        fs::create_directories((device.folder() / path).parent_path());
        std::ofstream(device.folder() / path) << text;
    }
    HostNeeds& needs() { return device.package("1.1.0").manifest.host; }
    CheckResult result_of(const std::string& name) {
        const auto preview = device.engine().preview(upgrade_to("1.1.0"));
        EXPECT_TRUE(preview) << preview.error().text();
        const auto found = std::ranges::find(preview->checks, name, &CheckResult::name);
        EXPECT_NE(found, preview->checks.end()) << name << " was not asked";
        return found == preview->checks.end() ? CheckResult{} : *found;
    }
    void expect(const std::string& check, CheckVerdict verdict, const std::string& words) {
        const auto result = result_of(check);
        EXPECT_EQ(result.verdict, verdict) << result.detail;
        EXPECT_THAT(result.detail, HasSubstr(words));
    }
};

TEST_F(HostChecks, AreAllAskedOfAnInstanceBeItThatNothingIsNeeded) {
    for (const auto* const name : {"libraries", "keys", "algorithms"})
        expect(name, CheckVerdict::ok, "none needed");
    expect("os", CheckVerdict::ok, "debian 12, kernel ");
    expect("backup", CheckVerdict::ok, "one is made before anything is changed");
    expect("packages", CheckVerdict::ok, "0 packages on top of nos 1.1.0");
    expect("configuration", CheckVerdict::ok, "");
    expect("direct-upgrade", CheckVerdict::ok, "any version");
}

TEST_F(HostChecks, AreAskedOfOtherDevicesOnlyWhereAPackageNeedsSomething) {
    SimulatedDevice other;
    const auto names = [&] {
        std::string all;
        const auto preview = other.engine().preview(upgrade_to("1.1.0")).value();
        for (const auto& check : preview.checks) all += check.name + " ";
        return all;
    };
    EXPECT_THAT(names(), testing::Not(HasSubstr("libraries")));
    other.package("1.1.0").manifest.host.algorithms = {"sha256"};
    EXPECT_THAT(names(), HasSubstr("libraries"));
}

TEST_F(HostChecks, TheSystemMustBeOneOfThoseNamed) {
    needs().os = {{"debian", range(">=12")}};
    expect("os", CheckVerdict::ok, "debian 12");
    needs().os = {{"debian", range(">=13")}, {"ubuntu", range("*")}};
    expect("os", CheckVerdict::refused,
           "nos 1.1.0 needs debian >=13 or ubuntu, the host runs debian 12");
    needs().os = {{"alpine", range("*")}};
    EXPECT_EQ(result_of("os").error->id, "check.os");
    needs().os = {};
    needs().kernel = range(">=2.6");
    expect("os", CheckVerdict::ok, "kernel ");
    needs().kernel = range(">=99");
    expect("os", CheckVerdict::refused, "nos 1.1.0 needs a kernel >=99, the host runs ");
}

TEST_F(HostChecks, ALibraryMustBeThereInTheRightVersion) {
    needs().libraries = {{"libz.so.1", range(">=1.2.9 <2")}, {"libbare.so.1", range("*")}};
    expect("libraries", CheckVerdict::ok, "libz.so.1 1.2.13");
    needs().libraries = {{"libz.so.1", range(">=1.3")}};
    expect("libraries", CheckVerdict::refused, "needs libz.so.1 >=1.3, the host has 1.2.13");
    needs().libraries = {{"libnone.so.1", range(">=1.3")}};
    expect("libraries", CheckVerdict::refused, "needs libnone.so.1 >=1.3, the host has none");
    needs().libraries = {{"libbare.so.1", range(">=1")}};
    expect("libraries", CheckVerdict::warning, "cannot be told");
}

TEST_F(HostChecks, AKeyMustBeInTheKeyringAndItsOwnersAlone) {
    needs().keys = {"AES256CFB128"};
    expect("keys", CheckVerdict::refused, "keys/AES256CFB128 is missing");
    put("keys/AES256CFB128", "");
    expect("keys", CheckVerdict::refused, "is empty");
    put("keys/AES256CFB128", "0123secret");
    fs::permissions(device.folder() / "keys/AES256CFB128", fs::perms(0644));
    expect("keys", CheckVerdict::refused, "can be read by others");
    fs::permissions(device.folder() / "keys/AES256CFB128", fs::perms(0600));
    expect("keys", CheckVerdict::ok, "AES256CFB128");
    EXPECT_THAT(result_of("keys").detail, testing::Not(HasSubstr("secret")));
    fs::rename(device.folder() / "keys/AES256CFB128", device.folder() / "elsewhere");
    fs::create_symlink("../elsewhere", device.folder() / "keys/AES256CFB128");
    expect("keys", CheckVerdict::refused, "is no file");
}

TEST_F(HostChecks, AnAlgorithmMustBeOffered) {
    needs().algorithms = {"sha256", "aes-256-cfb"};
    expect("algorithms", CheckVerdict::ok, "sha256, aes-256-cfb");
    needs().algorithms = {"sha256", "rot13"};
    expect("algorithms", CheckVerdict::refused, "needs rot13, OpenSSL here does not offer it");
}

TEST_F(HostChecks, ARefusalChangesNothingAndCanBeForced) {
    needs().os = {{"plan9", range("*")}};
    const auto refused = device.operate(upgrade_to("1.1.0"));
    EXPECT_EQ(refused.state, OperationState::refused);
    EXPECT_EQ(refused.error->id, "check.os");
    EXPECT_FALSE(refused.error->remedy.empty());
    EXPECT_EQ(device.running(), "1.0.0");
    auto request = upgrade_to("1.1.0");
    request.force = {"os"};
    EXPECT_EQ(device.operate(request).state, OperationState::done);
}

TEST(BackupCheck, WithoutAutomaticOnesTheNewestMustBeWholeAndOfWhatRuns) {
    DeviceConfig config{.slots_backend = "tree"};
    config.backup.automatic = false;
    SimulatedDevice device(config);
    const auto ask = [&] {
        const auto preview = device.engine().preview(upgrade_to("1.1.0")).value();
        return *std::ranges::find(preview.checks, "backup", &CheckResult::name);
    };
    EXPECT_THAT(ask().detail, HasSubstr("there is none"));
    EXPECT_EQ(ask().error->id, "check.backup");
    fs::create_directories(device.folder() / "backups");
    std::ofstream(device.folder() / "backups/nos-1.0.0@2014-06-01T00:00:00Z.backup") << "torn";
    EXPECT_EQ(ask().verdict, CheckVerdict::refused);
    EXPECT_THAT(ask().detail, HasSubstr("nos-1.0.0@2014-06-01T00:00:00Z: "));
}

}  // namespace
}  // namespace cutover
