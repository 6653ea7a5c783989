#include "platform/host_facts.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "model/version.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

std::string text_of(const std::optional<Version>& version) {
    return version ? version->text() : "(none)";
}

TEST(LeadingVersion, IsWhatOthersVersionsBeginWith) {
    EXPECT_EQ(text_of(leading_version("6.1.0-18-amd64")), "6.1.0");
    EXPECT_EQ(text_of(leading_version("1:2.38.1-5+deb12u3")), "2.38.1");
    EXPECT_EQ(text_of(leading_version("22.04")), "22.4");
    EXPECT_EQ(text_of(leading_version("1.1.1n")), "1.1.1");
    EXPECT_EQ(text_of(leading_version("12")), "12");
    EXPECT_EQ(text_of(leading_version("3.")), "3");
    for (const auto* const text : {"", "trixie/sid", "-1", "99999999999", ":"})
        EXPECT_EQ(text_of(leading_version(text)), "(none)") << text;
    EXPECT_EQ(text_of(leading_version("1.2.3.4.5.6.7.8.9.10")), "1.2.3.4.5.6.7.8");
}

struct HostFacts : testing::Test {
    Result<TempFolder> temp = TempFolder::create(testing::TempDir(), "host");
    fs::path root = temp->path();

    void put(const std::string& path, const std::string& text) const {
        fs::create_directories((root / path).parent_path());
        std::ofstream(root / path) << text;
    }
    std::string version_of(const std::string& soname) const {
        const auto found = find_library(root, soname);
        return found ? text_of(found->version) : "(not found)";
    }
};

TEST_F(HostFacts, TheSystemIsWhatItsReleaseFileSays) {
    EXPECT_FALSE(operating_system(root));
    put("usr/lib/os-release", "NAME=\"Arch\"\nID=arch\n");
    EXPECT_EQ(operating_system(root)->id, "arch");
    EXPECT_EQ(operating_system(root)->version, "");
    put("etc/os-release",
        "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\n"
        "ID=debian\nID_LIKE='x'\n");
    const auto system = operating_system(root);
    EXPECT_EQ(system->id, "debian");
    EXPECT_EQ(system->version, "12");
    EXPECT_EQ(system->full_name, "Debian GNU/Linux 12 (bookworm)");
    put("etc/os-release", std::string(100'000, 'x'));
    EXPECT_EQ(operating_system(root)->id, "arch") << "one that cannot be read is none";
}

TEST_F(HostFacts, ALibraryIsFoundWhereTheLoaderLooks) {
    put("etc/ld.so.conf", "# folders\ninclude /etc/ld.so.conf.d/*.conf\n/opt/own/lib # ours\n");
    put("etc/ld.so.conf.d/multi.conf", "/usr/lib/x86_64-linux-gnu\ninclude /etc/ld.so.conf\n");
    put("usr/lib/x86_64-linux-gnu/libz.so.1.2.13", "");
    fs::create_symlink("libz.so.1.2.13", root / "usr/lib/x86_64-linux-gnu/libz.so.1");
    put("opt/own/lib/libown.so.4", "");
    put("lib64/libold.so.2.0.1", "");
    put("elsewhere/libno.so.1", "");
    EXPECT_EQ(version_of("libz.so.1"), "1.2.13");
    EXPECT_EQ(version_of("libown.so.4"), "(none)");
    EXPECT_EQ(version_of("libold.so.2.0.1"), "(none)");
    EXPECT_EQ(version_of("libno.so.1"), "(not found)");
    EXPECT_EQ(version_of("libz.so.2"), "(not found)");
}

TEST_F(HostFacts, DebiansPackageManagerKnowsTheVersionThatANameDoesNotTell) {
    put("usr/lib/libssl.so.3", "");
    put("var/lib/dpkg/info/libother.list", "/.\n/usr/lib/libssl.so.3.old\n");
    put("var/lib/dpkg/info/libssl3:amd64.list", "/.\n/usr\n/lib/libssl.so.3\n/usr/lib/x\n");
    put("var/lib/dpkg/status",
        "Package: libssl3\nStatus: install ok installed\nArchitecture: i386\nVersion: 1.0-1\n\n"
        "Package: libssl3\nStatus: install ok installed\nArchitecture: amd64\n"
        "Version: 3.0.15-1~deb12u1\nDescription: Version: 9\n Version: 8\n\n"
        "Package: libother\nVersion: 7\n");
    EXPECT_EQ(version_of("libssl.so.3"), "3.0.15");
}

TEST_F(HostFacts, ThisHostHasACLibraryOfAKnownVersion) {
    const auto found = find_library("/", "libc.so.6");
    ASSERT_TRUE(found);
    ASSERT_TRUE(found->version);
    EXPECT_GE(*found->version, Version::parse("2.17").value());
    EXPECT_TRUE(leading_version(kernel_release()));
}

}  // namespace
}  // namespace cutover
