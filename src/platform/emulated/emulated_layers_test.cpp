#include "platform/emulated/emulated_layers.h"

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/process.h"
#include "model/device_config.h"
#include "model/manifest.h"
#include "model/package_kind.h"
#include "model/slot.h"
#include "model/version.h"
#include "platform/emulated/emulated_slots.h"
#include "platform/emulated/stray_processes.h"
#include "platform/layering/image_mount.h"
#include "platform/layering/test_packages.h"
#include "platform/layering/tree_writer.h"
#include "platform/layers.h"
#include "platform/layers_conformance.h"
#include "platform/persistence.h"
#include "platform/slot_package.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

const LayerFiles kBase{{"bin/nos", "#!"},
                       {"etc/base.conf", "of the base"},
                       {"etc/nos.conf", "of the base"},
                       {"share/only-base", "base"}};

SlotPackage layer_package(const LayerFiles& files) {
    auto package = tree_package("1.0.0", files);
    package.manifest.kind = PackageKind::feature;
    package.manifest.name = "web";
    return package;
}

// A device with a base that runs.
class EmulatedBench final : public LayerBench {
public:
    EmulatedBench(PayloadType base, LayersBackend backend) : base_(base), backend_(backend) {
        fs::create_directories(device_ / "slots");
        fs::create_directories(device_ / "layers");
        if (missing().empty()) make_base();
    }
    ~EmulatedBench() override {
        (void)layers_->reset();
        mount_.reset();
    }

    std::string missing() const override {
        if (backend_ == LayersBackend::tree) return {};
        if (::geteuid() != 0) return "mounting needs root";
        if (!find_program("mkfs.erofs")) return "mkfs.erofs is missing";
        const auto known = read_file("/proc/filesystems", 100'000).value_or("");
        for (const auto* const name : {"overlay", "erofs", "squashfs"})
            if (!known.contains(name)) return std::string("the kernel has no ") + name;
        return {};
    }
    LayerStore& layers() override { return *layers_; }
    fs::path view() const override { return layers_->current(); }
    fs::path working_root() const override { return layers_->working_root(); }
    SlotPackage package(const LayerFiles& files) override { return layer_package(files); }
    void power_cycle() override {
        layers_ = std::make_unique<EmulatedLayers>(device_, backend_);
        const auto reset = layers_->reset();
        ASSERT_TRUE(reset) << reset.error().text();
        const auto shown = layers_->set_base({.slot = Slot::a,
                                              .manifest = slots_.manifest(Slot::a).value(),
                                              .root = base_root_,
                                              .persist = slots_.persist(Slot::a)});
        ASSERT_TRUE(shown) << shown.error().text();
    }
    std::uint64_t stored_bytes() const override {
        return backend_ == LayersBackend::tree ? used_bytes(device_) : 0;
    }

    const fs::path& device() const { return device_; }
    const EmulatedSlots& slots() const { return slots_; }

private:
    void make_base() {
        auto package = base_ == PayloadType::tree ? tree_package("1.0.0", kBase)
                                                  : image_package("1.0.0", squashfs_image(kBase));
        package.manifest.persist = {"etc/nos.conf"};
        TextSource content(package.content);
        const auto written = slots_.write(Slot::a, package.manifest, content);
        ASSERT_TRUE(written) << written.error().text();
        base_root_ = slots_.root(Slot::a);
        if (base_ == PayloadType::image) mount_base(package);
        power_cycle();
    }
    void mount_base(const SlotPackage& package) {
        auto mounted = ImageMount::mount(slots_.image(Slot::a), device_ / "run/mnt/A");
        ASSERT_TRUE(mounted) << mounted.error().text();
        mount_ = *std::move(mounted);
        base_root_ = mount_->root();
        const auto persist = slots_.persist(Slot::a);
        ASSERT_TRUE(seed_persistent(base_root_, persist, package.manifest.persist));
        const auto covers = persistent_covers(base_root_, persist, package.manifest.persist);
        ASSERT_TRUE(covers);
        for (const auto& cover : *covers) ASSERT_TRUE(mount_->bind(cover.from, cover.over));
    }

    PayloadType base_;
    LayersBackend backend_;
    Result<TempFolder> folder_ = TempFolder::create(testing::TempDir(), "layers");
    fs::path device_ = fs::canonical(folder_->path());
    EmulatedSlots slots_{device_};
    fs::path base_root_;
    std::unique_ptr<ImageMount> mount_;
    std::unique_ptr<EmulatedLayers> layers_ = std::make_unique<EmulatedLayers>(device_, backend_);
};

MakeLayerBench bench(PayloadType base, LayersBackend backend) {
    return [=] { return std::make_unique<EmulatedBench>(base, backend); };
}

INSTANTIATE_TEST_SUITE_P(EmulatedTree, LayerStoreConformance,
                         testing::Values(bench(PayloadType::tree, LayersBackend::tree)));
INSTANTIATE_TEST_SUITE_P(EmulatedOverlayOnATree, LayerStoreConformance,
                         testing::Values(bench(PayloadType::tree, LayersBackend::overlay)));
INSTANTIATE_TEST_SUITE_P(EmulatedOverlayOnAnImage, LayerStoreConformance,
                         testing::Values(bench(PayloadType::image, LayersBackend::automatic)));

struct EmulatedLayersTest : testing::Test {
    EmulatedBench bench{PayloadType::tree, LayersBackend::tree};
    LayerStore& layers = bench.layers();

    void put(char digit, const LayerFiles& files) const {
        const auto package = layer_package(files);
        TextSource content(package.content);
        const auto written =
            bench_layers().write(layer_digest(digit), package.manifest, content, {});
        ASSERT_TRUE(written) << written.error().text();
    }
    LayerStore& bench_layers() const { return layers; }
    std::ptrdiff_t views() const {
        return std::distance(fs::directory_iterator(bench.device() / "views"),
                             fs::directory_iterator());
    }
    const LayerStack one{layer_digest('1')};
    const LayerStack two{layer_digest('2')};
};

TEST_F(EmulatedLayersTest, AFolderOverALinkToOneIsRefusedForItWouldHideAllBehindTheLink) {
    const auto root = bench.slots().root(Slot::a);
    fs::create_directories(root / "usr/lib");
    fs::create_symlink("usr/lib", root / "lib");
    put('1', {{"lib/web.so", "1"}});
    const auto shown = layers.show(one);
    ASSERT_FALSE(shown);
    EXPECT_EQ(shown.error().id, "layer.conflict");
    EXPECT_NE(shown.error().text().find("usr/lib"), std::string::npos);
    put('2', {{"usr/lib/web.so", "2"}});
    ASSERT_TRUE(layers.show(two));
    EXPECT_TRUE(fs::exists(bench.view() / "lib/web.so"));
}

TEST_F(EmulatedLayersTest, ViewsThatNobodyUsesAreRemoved) {
    put('1', {{"bin/web", "1"}});
    put('2', {{"bin/web", "2"}});
    ASSERT_TRUE(layers.prepare(one) && layers.prepare(two));
    EXPECT_EQ(views(), 2);
    ASSERT_TRUE(layers.show(two));
    ASSERT_TRUE(layers.tidy({one}));
    EXPECT_EQ(views(), 2);
    ASSERT_TRUE(layers.tidy({}));
    EXPECT_EQ(views(), 1);
    ASSERT_TRUE(layers.show({}) && layers.tidy({}));
    EXPECT_EQ(views(), 0);
}

TEST_F(EmulatedLayersTest, AViewInWhichAProcessOfTheDeviceWorksIsKept) {
    put('1', {{"bin/web", "1"}});
    ASSERT_TRUE(layers.show(one));
    const auto folder = fs::canonical(bench.view());
    const auto mark = std::string(kSupervisedBy) + "=" + bench.device().string();
    std::array<int, 2> ready{};
    ASSERT_EQ(::pipe(ready.data()), 0);
    const pid_t worker = ::fork();
    if (worker == 0) {
        ::dup2(ready[1], 1);
        if (::chdir(folder.c_str()) != 0) ::_exit(1);
        ::execl("/usr/bin/env", "env", "-i", mark.c_str(), "sh", "-c", "echo; exec sleep 60",
                nullptr);
        ::_exit(1);
    }
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    ASSERT_TRUE(layers.show({}) && layers.tidy({}));
    EXPECT_EQ(views(), 1);
    ::kill(worker, SIGKILL);
    ::waitpid(worker, nullptr, 0);
    ::close(ready[0]);
    ::close(ready[1]);
    ASSERT_TRUE(layers.tidy({}));
    EXPECT_EQ(views(), 0);
}

TEST_F(EmulatedLayersTest, ASharedFileThatWasChangedIsNotSharedAgain) {
    put('1', {{"lib/data", "as it is to be"}});
    ASSERT_TRUE(layers.show(one));
    std::ofstream(bench.view() / "lib/data") << "spoilt by somebody";
    put('2', {{"lib/data", "as it is to be"}});
    ASSERT_TRUE(layers.show(two));
    EXPECT_EQ(read_file(bench.view() / "lib/data", 100).value(), "as it is to be");
}

TEST_F(EmulatedLayersTest, FilesThatDifferInTheirModeAreNotShared) {
    put('1', {{"bin/same", "x"}, {"share/same", "x"}});
    ASSERT_TRUE(layers.show(one));
    const auto is_program = [&](const char* path) {
        return ::access((bench.view() / path).c_str(), X_OK) == 0;
    };
    EXPECT_TRUE(is_program("bin/same"));
    EXPECT_FALSE(is_program("share/same"));
}

TEST_F(EmulatedLayersTest, ADamagedLayerIsSaidToBeOne) {
    put('1', {{"bin/web", "1"}});
    fs::remove_all(bench.device() / "layers/packages" / one.front() / "root");
    const auto shown = layers.show(one);
    ASSERT_FALSE(shown);
    EXPECT_EQ(shown.error().id, "layer.damaged");
    put('1', {{"bin/web", "1"}});
    EXPECT_TRUE(layers.show(one)) << "writing it again mends it";
}

TEST_F(EmulatedLayersTest, WhatIsWholeIsNotReadAgainAndWhatWasChangedIsWrittenAnewAndSeen) {
    const LayerFiles files{{"lib/data", "as it is to be"}, {"bin/web", "1"}};
    put('1', files);
    ASSERT_TRUE(layers.verify(one.front()));
    const auto package = layer_package(files);
    TextSource unreadable(package.content, 0);
    EXPECT_TRUE(layers.write(one.front(), package.manifest, unreadable, {}));

    ASSERT_TRUE(layers.show(one));
    std::ofstream(bench.view() / "lib/data") << "spoilt by a service";
    EXPECT_EQ(layers.verify(one.front()).error().id, "layer.damaged");
    put('1', files);
    EXPECT_TRUE(layers.verify(one.front()));
    ASSERT_TRUE(layers.tidy({})) << "what is shown stays until another view is";
    EXPECT_TRUE(fs::exists(bench.view() / "bin/web"));
    ASSERT_TRUE(layers.show(one));
    EXPECT_EQ(read_file(bench.view() / "lib/data", 100).value(), "as it is to be");

    fs::remove(bench.device() / "layers/packages" / one.front() / "root/bin/web");
    EXPECT_EQ(layers.verify(one.front()).error().id, "layer.damaged") << "a file is missing";
    EXPECT_EQ(layers.verify(two.front()).error().kind, Errc::not_found);
}

TEST_F(EmulatedLayersTest, AConflictIsKnownBeforeAnythingIsWritten) {
    const auto root = bench.slots().root(Slot::a);
    fs::create_directories(root / "usr/lib");
    fs::create_symlink("usr/lib", root / "lib");
    const auto base = bench.slots().manifest(Slot::a).value();
    const auto check = [&](const std::string& path, const Manifest& on) {
        return layers.check(on, one,
                            {{.digest = one.front(),
                              .name = "web 1.0",
                              .entries = {{.path = fs::path(path).parent_path(), .is_folder = true},
                                          {.path = path, .is_folder = false}}}});
    };
    EXPECT_TRUE(check("share/web", base));
    const auto hides = check("etc/nos.conf", base);
    ASSERT_FALSE(hides);
    EXPECT_EQ(hides.error().id, "layer.conflict");
    EXPECT_NE(hides.error().text().find("web 1.0 brings etc/nos.conf"), std::string::npos);
    EXPECT_EQ(check("lib/web.so", base).error().id, "layer.conflict");
    auto another = base;
    another.version = Version::parse("2.0").value();
    another.persist = {"share"};
    EXPECT_EQ(check("share/web", another).error().id, "layer.conflict");
    EXPECT_TRUE(check("lib/web.so", another)) << "its links are not known";

    put('1', {{"etc/nos.conf", "mine"}});
    EXPECT_EQ(layers.check(base, one, {}).error().id, "layer.conflict") << "of what is stored";
    EXPECT_TRUE(layers.check(base, two, {})) << "nothing is known of it";
}

// Cuts `act` at every fault point in turn, each time in a device that `prepare` makes new.
int sweep(const std::function<void(EmulatedBench&)>& prepare,
          const std::function<bool(EmulatedBench&)>& act,
          const std::function<void(EmulatedBench&, int)>& check) {
    constexpr int kMorePointsThanThereAre = 500;
    for (int point = 1; point < kMorePointsThanThereAre; ++point) {
        EmulatedBench bench(PayloadType::tree, LayersBackend::tree);
        prepare(bench);
        const pid_t child = ::fork();
        if (child == 0) {
            fault_restart(point, nullptr);
            ::_exit(act(bench) ? 0 : 1);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        if (!WIFSIGNALED(status)) {
            EXPECT_EQ(WEXITSTATUS(status), 0);
        }
        bench.power_cycle();
        check(bench, point);
        if (testing::Test::HasFailure() || !WIFSIGNALED(status)) return point - 1;
    }
    ADD_FAILURE() << "it never came to its end";
    return 0;
}

bool write_to(EmulatedBench& bench, char digit, const LayerFiles& files) {
    const auto package = layer_package(files);
    TextSource content(package.content);
    return bench.layers().write(layer_digest(digit), package.manifest, content, {}).has_value();
}

TEST(LayerPowerCut, ALayerIsEitherWrittenWholeOrAbsent) {
    const LayerFiles files{{"bin/web", "2"}, {"lib/same", "same"}, {"lib/other", "other"}};
    const int points = sweep(
        [](EmulatedBench& bench) { ASSERT_TRUE(write_to(bench, '1', {{"lib/same", "same"}})); },
        [&](EmulatedBench& bench) { return write_to(bench, '2', files); },
        [&](EmulatedBench& bench, int point) {
            const LayerStack stack{layer_digest('1'), layer_digest('2')};
            const auto held = bench.layers().manifest(stack.back());
            if (!held) {
                EXPECT_EQ(held.error().kind, Errc::not_found) << point;
            }
            EXPECT_TRUE(write_to(bench, '2', files)) << point;
            ASSERT_TRUE(bench.layers().show(stack)) << point;
            for (const auto& [name, content] : files)
                EXPECT_EQ(read_file(bench.view() / name, 100).value_or(""), content) << point;
        });
    EXPECT_GE(points, 10);
}

TEST(LayerPowerCut, AnErasedLayerClaimsNothingAndLeavesNothing) {
    const int points = sweep(
        [](EmulatedBench& bench) { ASSERT_TRUE(write_to(bench, '1', {{"bin/web", "web"}})); },
        [](EmulatedBench& bench) { return bench.layers().erase(layer_digest('1')).has_value(); },
        [](EmulatedBench& bench, int point) {
            if (bench.layers().manifest(layer_digest('1'))) {
                EXPECT_TRUE(bench.layers().show({layer_digest('1')})) << point;
            }
            ASSERT_TRUE(bench.layers().show({})) << point;
            EXPECT_TRUE(bench.layers().erase(layer_digest('1'))) << point;
            ASSERT_TRUE(bench.layers().tidy({})) << point;
            for (const auto& entry : fs::recursive_directory_iterator(bench.device() / "layers"))
                EXPECT_FALSE(entry.is_regular_file()) << point << entry.path();
        });
    EXPECT_GE(points, 3);
}

TEST(LayerPowerCut, TheStartupRecordHoldsTheOldOrTheNewStack) {
    const LayerStack one{layer_digest('1')};
    const LayerStack two{layer_digest('2')};
    const int points = sweep(
        [&](EmulatedBench& bench) {
            ASSERT_TRUE(write_to(bench, '1', {{"bin/web", "1"}}));
            ASSERT_TRUE(write_to(bench, '2', {{"bin/web", "2"}}));
            ASSERT_TRUE(bench.layers().set_startup(Slot::a, one));
            ASSERT_TRUE(bench.layers().start_trial(Slot::a, two, 1));
        },
        [&](EmulatedBench& bench) { return bench.layers().set_startup(Slot::a, two).has_value(); },
        [&](EmulatedBench& bench, int point) {
            const auto startup = bench.layers().startup(Slot::a);
            ASSERT_TRUE(startup) << point;
            const bool before = startup->committed == one && startup->trial == two;
            const bool after = startup->committed == two && !startup->trial;
            EXPECT_TRUE(before || after) << point;
        });
    EXPECT_GE(points, 4);
}

TEST(LayerPowerCut, AnInterruptedSwitchIsForgottenAtTheNextBoot) {
    const LayerStack one{layer_digest('1')};
    const int points = sweep(
        [](EmulatedBench& bench) {
            auto package = layer_package({{"bin/web", "1"}, {"etc/web.conf", "default"}});
            package.manifest.persist = {"etc/web.conf"};
            TextSource content(package.content);
            ASSERT_TRUE(bench.layers().write(layer_digest('1'), package.manifest, content, {}));
        },
        [&](EmulatedBench& bench) { return bench.layers().show(one).has_value(); },
        [&](EmulatedBench& bench, int point) {
            EXPECT_TRUE(fs::exists(bench.view() / "bin/nos")) << point;
            EXPECT_FALSE(fs::exists(bench.view() / "bin/web")) << point;
            ASSERT_TRUE(bench.layers().show(one)) << point;
            EXPECT_EQ(read_file(bench.view() / "etc/web.conf", 100).value_or(""), "default");
        });
    EXPECT_GE(points, 5);
}

}  // namespace
}  // namespace cutover
