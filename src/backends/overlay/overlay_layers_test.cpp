#include "backends/overlay/overlay_layers.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <sys/mount.h>
#include <system_error>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backends/overlay/mount_table.h"
#include "backends/overlay/view_work.h"
#include "base/error.h"
#include "base/files.h"
#include "model/manifest.h"
#include "model/package_kind.h"
#include "platform/layering/test_packages.h"
#include "platform/layering/tree_writer.h"
#include "platform/layers.h"
#include "platform/layers_conformance.h"
#include "platform/persistence.h"
#include "platform/slot_package.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

// A system in a folder: its base in usr/, a persistent file mounted over it as at a boot, and the
// program that mounts as a function.
class SystemBench final : public LayerBench {
public:
    SystemBench() {
        if (!missing().empty()) return;
        for (const auto& [path, content] : LayerFiles{{"bin/nos", "#!"},
                                                      {"etc/base.conf", "of the base"},
                                                      {"etc/nos.conf", "of the base"},
                                                      {"share/only-base", "base"}}) {
            fs::create_directories((root() / "usr" / path).parent_path());
            std::ofstream(root() / "usr" / path) << content;
        }
        fs::create_directories(folder_ / "scratch");
        fs::create_directories(device());
        std::ofstream(device() / "device.toml") << "[device]\n";
        boot();
    }
    ~SystemBench() override { unmount(); }

    std::string missing() const override {
        if (::geteuid() != 0) return "mounting needs root";
        const auto known = read_file("/proc/filesystems", 100'000).value_or("");
        return known.contains("overlay") ? "" : "the kernel has no overlay";
    }
    LayerStore& layers() override { return *layers_; }
    fs::path root() const { return folder_ / "root"; }
    fs::path view() const override { return root(); }
    fs::path working_root() const override { return root(); }
    std::string inside() const override { return "usr/"; }
    SlotPackage package(const LayerFiles& files) override {
        auto package = tree_package("1.0.0", files);
        package.manifest.kind = PackageKind::feature;
        package.manifest.name = "web";
        return package;
    }
    void power_cycle() override {
        unmount();
        boot();
    }
    std::uint64_t stored_bytes() const override { return used_bytes(device()); }

    fs::path device() const { return folder_ / "device"; }
    std::size_t mounted_over_usr() const {
        std::size_t count = 0;
        const auto mounts = read_mount_table().value();
        for (const auto& mount : mounts)
            if (mount.at == root() / "usr") ++count;
        return count;
    }

private:
    void boot() {
        const Manifest base{.name = "nos", .persist = {"usr/etc/nos.conf"}};
        const auto persist = folder_ / "persist";
        ASSERT_TRUE(seed_persistent(root(), persist / "a", base.persist));
        const auto covers = persistent_covers(root(), persist / "a", base.persist);
        ASSERT_TRUE(covers);
        for (const auto& [from, over] : *covers)
            ASSERT_EQ(::mount(from.c_str(), over.c_str(), nullptr, MS_BIND, nullptr), 0);
        const RunningSystem system{
            .device = device(),
            .packages_persist = persist / "packages",
            .base = base,
            .hardware = {},
            .place = {.root = root(), .scratch = folder_ / "scratch", .folders = {"usr"}}};
        layers_ = std::make_unique<OverlayLayers>(
            OverlayLayers::Options{.device = device(),
                                   .scratch = folder_ / "scratch",
                                   .carry_out = [system]() -> Result<> {
                                       ViewWork work(system);
                                       static_cast<void>(TRY(work.carry_out()));
                                       return {};
                                   }});
    }
    void unmount() const {
        auto table = read_mount_table().value();
        for (auto mount = table.rbegin(); mount != table.rend(); ++mount)
            if (mount->at.string().starts_with(folder_.string()))
                ::umount2(mount->at.c_str(), MNT_DETACH);
        std::error_code ignored;  // /run is empty after a boot
        fs::remove(folder_ / "scratch" / "view-report.json", ignored);
    }

    Result<TempFolder> temp_ = TempFolder::create(testing::TempDir(), "overlay");
    fs::path folder_ = fs::canonical(temp_->path());
    std::unique_ptr<OverlayLayers> layers_;
};

INSTANTIATE_TEST_SUITE_P(OverlayOverTheSystem, LayerStoreConformance,
                         testing::Values([] { return std::make_unique<SystemBench>(); }));

struct OverlayLayersTest : testing::Test {
    void SetUp() override {
        if (const auto missing = bench.missing(); !missing.empty()) GTEST_SKIP() << missing;
    }
    void put(char digit, const LayerFiles& files) {
        const auto package = bench.package(files);
        TextSource content(package.content);
        const auto written =
            bench.layers().write(layer_digest(digit), package.manifest, content, {});
        ASSERT_TRUE(written) << written.error().text();
    }
    Error refused(char digit) {
        const auto prepared = bench.layers().prepare({layer_digest(digit)});
        EXPECT_FALSE(prepared);
        return prepared ? Error{} : prepared.error();
    }
    std::string text(const std::string& path) const {
        return read_file(bench.root() / path, 1000).value_or("(none)");
    }

    SystemBench bench;
};

TEST_F(OverlayLayersTest, WhatThisSystemDoesNotShowIsRefusedByName) {
    put('1', {{"etc/web.conf", "1"}});
    EXPECT_EQ(refused('1').id, "layer.outside");
    EXPECT_NE(refused('1').text().find("etc"), std::string::npos);
    auto package = bench.package({{"usr/bin/web", "1"}});
    package.manifest.persist = {"var/lib/web"};
    TextSource content(package.content);
    ASSERT_TRUE(bench.layers().write(layer_digest('2'), package.manifest, content, {}));
    EXPECT_EQ(refused('2').id, "layer.outside");
    EXPECT_NE(refused('2').text().find("var/lib/web"), std::string::npos);
}

TEST_F(OverlayLayersTest, WhatIsNotStoredYetIsJudgedByWhatItIsToBring) {
    const auto refused = [&](const std::string& path, bool is_folder) {
        const LayerOutline outline{
            .digest = layer_digest('1'), .name = "web 1", .entries = {{path, is_folder}}};
        const Manifest base{.persist = {"usr/etc/nos.conf"}};
        const auto checked = bench.layers().check(base, {layer_digest('1')}, {outline});
        return checked ? std::string() : checked.error().id;
    };
    EXPECT_EQ(refused("usr", true), "");
    EXPECT_EQ(refused("usr/bin/web", false), "");
    EXPECT_EQ(refused("usr", false), "layer.outside") << "a file in the place of the folder";
    EXPECT_EQ(refused("etc/web.conf", false), "layer.outside");
    EXPECT_EQ(refused("usr2/web", false), "layer.outside");
    EXPECT_EQ(refused("usr/etc/nos.conf", false), "layer.conflict");
}

TEST_F(OverlayLayersTest, ADamagedLayerIsWrittenAnewWhileItIsShown) {
    put('1', {{"usr/bin/web", "1"}});
    ASSERT_TRUE(bench.layers().show({layer_digest('1')}));
    std::ofstream(bench.device() / "layers/packages" / layer_digest('1') / "root/usr/bin/web")
        << "spoilt";
    EXPECT_EQ(bench.layers().verify(layer_digest('1')).error().id, "layer.damaged");
    put('1', {{"usr/bin/web", "1"}});
    ASSERT_TRUE(bench.layers().verify(layer_digest('1')));
    ASSERT_TRUE(bench.layers().show({layer_digest('1')}));
    EXPECT_EQ(text("usr/bin/web"), "1");
}

TEST_F(OverlayLayersTest, ViewsTakeEachOthersPlaceAndGoAltogether) {
    put('1', {{"usr/bin/web", "1"}});
    put('2', {{"usr/bin/web", "2"}});
    ASSERT_TRUE(bench.layers().show({layer_digest('1')}));
    const auto one = bench.mounted_over_usr();
    for (const char digit : {'2', '1', '2', '2'})
        ASSERT_TRUE(bench.layers().show({layer_digest(digit)}));
    EXPECT_EQ(text("usr/bin/web"), "2");
    // Linux before 6.5 keeps them all.
    EXPECT_THAT(bench.mounted_over_usr(), testing::AnyOf(one, one + 4));
    ASSERT_TRUE(bench.layers().show({}));
    EXPECT_EQ(text("usr/bin/web"), "(none)");
    EXPECT_EQ(text("usr/bin/nos"), "#!");
}

TEST_F(OverlayLayersTest, AnAgentThatStartsAnewKnowsWhatIsShown) {
    put('1', {{"usr/bin/web", "1"}});
    ASSERT_TRUE(bench.layers().show({layer_digest('1')}));
    const OverlayLayers again({.device = bench.device(),
                               .scratch = bench.root().parent_path() / "scratch",
                               .carry_out = [] { return Result<>{}; }});
    EXPECT_EQ(again.shown(), LayerStack{layer_digest('1')});
}

TEST_F(OverlayLayersTest, AHelperThatCannotBeStartedIsToldAndNotTakenForItsLastWord) {
    put('1', {{"usr/bin/web", "1"}});
    ASSERT_TRUE(bench.layers().show({layer_digest('1')}));
    OverlayLayers alone({.device = bench.device(),
                         .scratch = bench.root().parent_path() / "scratch",
                         .carry_out = []() -> Result<> { return fail(Errc::io, "no such unit"); }});
    const auto shown = alone.show({});
    ASSERT_FALSE(shown);
    EXPECT_EQ(shown.error().id, "layer.not_shown");
    EXPECT_NE(shown.error().text().find("no such unit"), std::string::npos);
    EXPECT_EQ(alone.shown(), LayerStack{layer_digest('1')});
    OverlayLayers silent({.device = bench.device(),
                          .scratch = bench.root().parent_path() / "scratch",
                          .carry_out = [] { return Result<>{}; }});
    EXPECT_EQ(silent.show({}).error().id, "layer.not_shown");
}

TEST_F(OverlayLayersTest, AMountOfTheSystemBelowTheFolderIsStillThere) {
    fs::create_directories(bench.root() / "usr/data");
    ASSERT_EQ(::mount("tmpfs", (bench.root() / "usr/data").c_str(), "tmpfs", 0, nullptr), 0);
    std::ofstream(bench.root() / "usr/data/file") << "kept";
    put('1', {{"usr/bin/web", "1"}});
    ASSERT_TRUE(bench.layers().show({layer_digest('1')}));
    EXPECT_EQ(text("usr/data/file"), "kept");
    ASSERT_TRUE(bench.layers().show({}));
    EXPECT_EQ(text("usr/data/file"), "kept");
    put('2', {{"usr/data", "a file"}});
    EXPECT_EQ(refused('2').id, "layer.conflict");
    EXPECT_NE(refused('2').text().find("usr/data"), std::string::npos);
}

}  // namespace
}  // namespace cutover
