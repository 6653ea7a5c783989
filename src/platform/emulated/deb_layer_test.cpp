#include "platform/layering/deb_layer.h"

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <system_error>
#include <unistd.h>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/process.h"
#include "model/device_config.h"
#include "model/package_kind.h"
#include "model/slot.h"
#include "platform/emulated/emulated_layers.h"
#include "platform/layering/deb_layer.h"
#include "platform/layering/test_packages.h"
#include "platform/layers.h"
#include "platform/slot_package.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::string missing() {
    if (::geteuid() != 0) return "installing Debian packages into a layer needs root";
    for (const auto* const program : {"dpkg", "dpkg-deb", "unshare"})
        if (!find_program(program)) return fmt::format("{} is missing", program);
    if (!read_file("/proc/filesystems", 100'000).value_or("").contains("overlay"))
        return "the kernel has no overlayfs";
    if (!fs::exists("/bin/busybox")) return "busybox is missing";
    return {};
}

// A running base with a shell; layers of it are tested as trees.
struct DebLayer : testing::Test {
    Result<TempFolder> temp = TempFolder::create(testing::TempDir(), "debs");
    fs::path device = fs::canonical(temp->path());
    EmulatedLayers layers{device, LayersBackend::tree};
    const std::string one = std::string(64, '1');
    const std::string two = std::string(64, '2');

    void SetUp() override {
        if (const auto why = missing(); !why.empty()) GTEST_SKIP() << why;
        const auto root = device / "slots/A/root";
        fs::create_directories(root / "bin");
        fs::copy_file("/bin/busybox", root / "bin/busybox");
        fs::create_symlink("busybox", root / "bin/sh");
        put("slots/A/root/etc/old.conf", "of the base");
        put("slots/A/root/share/kept", "of the base");
        fs::create_directories(device / "layers");
        ASSERT_TRUE(layers.reset());
        ASSERT_TRUE(layers.set_base({.slot = Slot::a,
                                     .manifest = tree_package("1.0.0", {}).manifest,
                                     .root = root,
                                     .persist = device / "persist/A"}));
    }
    void put(const fs::path& path, const std::string& content) const {
        fs::create_directories((device / path).parent_path());
        std::ofstream(device / path) << content;
    }
    // The .deb of one program, with a script that dpkg runs after it has unpacked it.
    std::string deb(const std::string& name, const std::string& postinst,
                    const std::string& more_control = {}) const {
        const auto folder = fs::path("build") / name;
        put(folder / "DEBIAN/control", fmt::format("Package: {}\nVersion: 1.0\n"
                                                   "Architecture: all\nMaintainer: A <a@b.c>\n"
                                                   "{}Description: a test\n",
                                                   name, more_control));
        put(folder / "DEBIAN/postinst", "#!/bin/sh\nset -e\n" + postinst + "\n");
        fs::permissions(device / folder / "DEBIAN/postinst", fs::perms(0755));
        put(folder / "usr/lib" / name, "program " + name);
        const auto file = device / (name + ".deb");
        const auto made = run_process({.command = {"dpkg-deb", "--root-owner-group", "-b",
                                                   (device / folder).string(), file.string()}});
        EXPECT_TRUE(made && made->exit_code == 0) << made->output;
        return read_file(file, 1'000'000).value_or("");
    }
    Result<> write(const std::string& digest, const std::string& content,
                   const LayerStack& beneath = {}) {
        auto package = tree_package("1.0.0", {{"one.deb", content}});
        package.manifest.kind = PackageKind::feature;
        package.manifest.payload.type = PayloadType::deb;
        TextSource source(package.content);
        return layers.write(digest, package.manifest, source, beneath);
    }
    std::string text(const fs::path& path) const {
        return read_file(layers.current() / path, 100'000).value_or("(none)");
    }
};

TEST_F(DebLayer, DpkgInstallsIntoTheLayerAndScriptsSeeTheViewOnly) {
    const auto marker = temp->path().filename().string();
    const auto written = write(one, deb("one",
                                        "/bin/busybox cat /etc/old.conf >/etc/seen\n"
                                        "test -c /dev/null\n"
                                        "test ! -e " +
                                            device.string() +
                                            "\n"
                                            "echo x >/etc/" +
                                            marker));
    ASSERT_TRUE(written) << written.error().text();
    EXPECT_FALSE(fs::exists(device / "slots/A/root/usr")) << "the base is as it was";
    EXPECT_FALSE(fs::exists("/etc/" + marker)) << "and so is this machine";
    ASSERT_TRUE(layers.show({one}));
    EXPECT_EQ(text("usr/lib/one"), "program one");
    EXPECT_EQ(text("etc/seen"), "of the base");
    EXPECT_THAT(text("var/lib/dpkg/status"), HasSubstr("Status: install ok installed"));
    EXPECT_FALSE(fs::exists(layers.current() / "dev"));
    EXPECT_FALSE(fs::exists(device / "layers/packages" / one / "debs"));
}

TEST_F(DebLayer, WhatAScriptDeletesIsGoneFromTheViewAndStaysInTheBase) {
    const auto written = write(one, deb("one",
                                        "/bin/busybox rm /etc/old.conf\n"
                                        "/bin/busybox rm -r /share; /bin/busybox mkdir /share\n"
                                        "echo new >/share/new"));
    ASSERT_TRUE(written) << written.error().text();
    ASSERT_TRUE(layers.show({one}));
    EXPECT_EQ(text("etc/old.conf"), "(none)");
    EXPECT_EQ(text("share/kept"), "(none)");
    EXPECT_EQ(text("share/new"), "new\n");
    ASSERT_TRUE(layers.show({}));
    EXPECT_EQ(text("etc/old.conf"), "of the base");
    EXPECT_EQ(text("share/kept"), "of the base");
}

TEST_F(DebLayer, OneLayerIsInstalledOnAnother) {
    ASSERT_TRUE(write(one, deb("one", "true")));
    const auto written = write(two, deb("two", "/bin/busybox cat /usr/lib/one >/etc/seen"), {one});
    ASSERT_TRUE(written) << written.error().text();
    ASSERT_TRUE(layers.show({one, two}));
    EXPECT_EQ(text("etc/seen"), "program one");
    EXPECT_THAT(text("var/lib/dpkg/status"), HasSubstr("Package: one"));
    EXPECT_THAT(text("var/lib/dpkg/status"), HasSubstr("Package: two"));
}

TEST_F(DebLayer, ScriptsHaveAProcAndSeeNoProcessButTheirOwn) {
    const auto me = ::getpid();
    const auto written = write(one, deb("one", fmt::format("test -e /proc/self/status\n"
                                                           "/bin/busybox ls /proc >/etc/seen\n"
                                                           "test ! -e /proc/{} || test {} -lt 50",
                                                           me, me)));
    ASSERT_TRUE(written) << written.error().text();
    ASSERT_TRUE(layers.show({one}));
    EXPECT_THAT(text("etc/seen"), HasSubstr("self"));
    EXPECT_FALSE(fs::exists(layers.current() / "proc"));
}

TEST_F(DebLayer, RoomIsAskedForAsMuchAsIsUnpacked) {
    const auto written = write(one, deb("one", "true", "Installed-Size: 900000000000\n"));
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().id, "layer.no_space") << written.error().text();
    EXPECT_FALSE(fs::exists(device / "layers/packages" / one));
    const auto debs = device / "count";
    fs::create_directories(debs);
    std::ofstream(debs / "one.deb") << deb("one", "true", "Installed-Size: 7\n");
    const auto silent = deb("two", "true");
    std::ofstream(debs / "two.deb") << silent;
    EXPECT_EQ(unpacked_bytes(debs).value_or(0), std::size_t{7} * 1024 + silent.size());
}

TEST_F(DebLayer, AScriptThatFailsLeavesNoLayerAndIsTold) {
    const auto written = write(one, deb("one", "echo this base is too old; exit 3"));
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().id, "layer.deb_failed");
    EXPECT_THAT(written.error().text(), HasSubstr("this base is too old"));
    EXPECT_EQ(layers.manifest(one).error().kind, Errc::not_found);
    EXPECT_FALSE(fs::exists(device / "layers/packages" / one));
}

}  // namespace
}  // namespace cutover
