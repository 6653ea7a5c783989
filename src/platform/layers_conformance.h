#pragma once

// What every LayerStore promises, as tests that any back-end passes; used like
// boot_control_conformance.h.

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <utility>

#include <gtest/gtest.h>

#include "base/byte_source.h"
#include "base/error.h"
#include "base/files.h"
#include "base/unique_fd.h"
#include "model/manifest.h"
#include "model/slot.h"
#include "platform/layers.h"
#include "platform/slot_package.h"

namespace cutover {

using LayerFiles = std::map<std::string, std::string>;

// A device whose base runs: its tree has bin/nos, etc/base.conf ("of the base"), the persistent
// etc/nos.conf ("of the base"), and share/only-base.
class LayerBench {
public:
    virtual ~LayerBench() = default;
    // Empty, or why this machine cannot run the back-end.
    virtual std::string missing() const { return {}; }
    virtual LayerStore& layers() = 0;
    // The view that is shown, as a path that is the same for every view.
    virtual std::filesystem::path view() const = 0;
    // Where a service of the device works.
    virtual std::filesystem::path working_root() const = 0;
    // Where in the view all of this is, with a slash: some back-ends keep to a part of the system.
    virtual std::string inside() const { return {}; }
    virtual SlotPackage package(const LayerFiles& files) = 0;  // names as they are in the view
    virtual void power_cycle() = 0;                            // the base runs again, and alone
    // Bytes on the disk of all that is stored; nothing where equal files are not stored once.
    virtual std::uint64_t stored_bytes() const { return 0; }
};

using MakeLayerBench = std::function<std::unique_ptr<LayerBench>()>;

inline std::string layer_digest(char digit) { return std::string(64, digit); }

class LayerStoreConformance : public testing::TestWithParam<MakeLayerBench> {
protected:
    void SetUp() override {
        if (const auto missing = bench_->missing(); !missing.empty())
            GTEST_SKIP() << "this back-end cannot be tested here: " << missing;
    }
    LayerStore& layers() { return bench_->layers(); }
    Result<> write(char digit, const SlotPackage& package, const LayerStack& beneath = {}) {
        TextSource content(package.content);
        return layers().write(layer_digest(digit), package.manifest, content, beneath);
    }
    std::string at(const std::string& path) const { return bench_->inside() + path; }
    std::filesystem::path seen(const std::string& path) const { return bench_->view() / at(path); }
    SlotPackage packed(const LayerFiles& files) {
        LayerFiles inside;
        for (const auto& [path, content] : files) inside.emplace(at(path), content);
        return bench_->package(inside);
    }
    void put(char digit, const LayerFiles& files) {
        const auto written = write(digit, packed(files));
        ASSERT_TRUE(written) << written.error().text();
    }
    void show(const LayerStack& stack) {
        const auto shown = layers().show(stack);
        ASSERT_TRUE(shown) << shown.error().text();
    }
    std::string held(char digit) {
        const auto manifest = layers().manifest(layer_digest(digit));
        return std::string(manifest ? "held" : to_string(manifest.error().kind));
    }
    std::string text(const std::string& path) const {
        return read_file(seen(path), std::size_t{4} * 1024 * 1024).value_or("(none)");
    }

    const std::string one_ = layer_digest('1');
    const std::string two_ = layer_digest('2');
    std::unique_ptr<LayerBench> bench_ = GetParam()();
};

TEST_P(LayerStoreConformance, ALayerIsThereFromItsWritingToItsErasing) {
    EXPECT_EQ(held('1'), "not_found");
    EXPECT_TRUE(layers().layers()->empty());
    EXPECT_TRUE(layers().erase(one_));
    put('1', {{"bin/web", "web"}});
    put('1', {{"bin/web", "web"}});
    EXPECT_EQ(held('1'), "held");
    EXPECT_EQ(*layers().layers(), LayerStack{one_});
    bench_->power_cycle();
    EXPECT_EQ(held('1'), "held");
    ASSERT_TRUE(layers().erase(one_));
    EXPECT_TRUE(layers().erase(one_));
    EXPECT_EQ(held('1'), "not_found");
    EXPECT_TRUE(layers().layers()->empty());
}

TEST_P(LayerStoreConformance, AFailedWriteLeavesNoLayerAndMayBeRepeated) {
    const auto package = packed({{"bin/web", "web"}});
    TextSource broken(package.content, package.content.size() / 2);
    EXPECT_FALSE(layers().write(one_, package.manifest, broken, {}));
    EXPECT_EQ(held('1'), "not_found");
    EXPECT_TRUE(write('1', package));
    EXPECT_EQ(held('1'), "held");
}

TEST_P(LayerStoreConformance, ContentThatIsShorterOrLongerThanPromisedIsRefused) {
    auto longer = packed({{"bin/web", "web"}});
    longer.content += std::string(512, '\0');
    EXPECT_FALSE(write('1', longer));
    auto shorter = packed({{"bin/web", "web"}});
    shorter.content.resize(shorter.content.size() - 512);
    EXPECT_FALSE(write('1', shorter));
    EXPECT_EQ(held('1'), "not_found");
}

TEST_P(LayerStoreConformance, APackageLargerThanTheFileSystemIsRefusedBeforeItIsRead) {
    auto package = packed({{"bin/web", "web"}});
    package.manifest.payload.installed_bytes = layers().space()->available_bytes * 2;
    TextSource unread(package.content, 0);
    const auto written = layers().write(one_, package.manifest, unread, {});
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().id, "layer.no_space");
    EXPECT_EQ(held('1'), "not_found");
}

TEST_P(LayerStoreConformance, ADigestIsNeverTakenForAPath) {
    const auto package = packed({{"bin/web", "web"}});
    for (const auto& digest : {std::string("../../x"), std::string(), std::string(64, 'G')}) {
        TextSource content(package.content);
        EXPECT_FALSE(layers().write(digest, package.manifest, content, {})) << digest;
        EXPECT_FALSE(layers().erase(digest)) << digest;
        EXPECT_FALSE(layers().manifest(digest)) << digest;
        EXPECT_FALSE(layers().show({digest})) << digest;
    }
}

TEST_P(LayerStoreConformance, WhatLiesHigherReplacesWhatLiesLower) {
    put('1', {{"etc/base.conf", "of one"}, {"lib/one", "1"}, {"both", "of one"}});
    put('2', {{"lib/two", "2"}, {"both", "of two"}});
    EXPECT_EQ(text("etc/base.conf"), "of the base");
    show({one_, two_});
    EXPECT_EQ(layers().shown(), (LayerStack{one_, two_}));
    EXPECT_EQ(text("etc/base.conf"), "of one");
    EXPECT_EQ(text("lib/one") + text("lib/two"), "12");
    EXPECT_EQ(text("both"), "of two");
    EXPECT_EQ(text("share/only-base"), "base");
    show({two_, one_});
    EXPECT_EQ(text("both"), "of one");
    show({});
    EXPECT_EQ(layers().shown(), LayerStack{});
    EXPECT_EQ(text("etc/base.conf"), "of the base") << "the base is as it was";
    EXPECT_EQ(text("both"), "(none)");
}

TEST_P(LayerStoreConformance, AFolderOverAFileAndTheReverseTakeItsPlaceWhole) {
    put('1', {{"share/only-base/now", "a folder"}, {"thing/a", "a"}});
    put('2', {{"thing", "a file"}});
    show({one_});
    EXPECT_EQ(text("share/only-base/now"), "a folder");
    EXPECT_EQ(text("thing/a"), "a");
    show({one_, two_});
    EXPECT_EQ(text("thing"), "a file");
}

TEST_P(LayerStoreConformance, PreparingAViewChangesNothingThatIsSeen) {
    put('1', {{"etc/base.conf", "of one"}});
    ASSERT_TRUE(layers().prepare({one_}));
    ASSERT_TRUE(layers().prepare({one_}));
    EXPECT_EQ(layers().shown(), LayerStack{});
    EXPECT_EQ(text("etc/base.conf"), "of the base");
    show({one_});
    EXPECT_EQ(text("etc/base.conf"), "of one");
}

TEST_P(LayerStoreConformance, AStackWithAMissingLayerIsRefusedAndTheOldOneStays) {
    put('1', {{"bin/web", "web"}});
    show({one_});
    const auto shown = layers().show({one_, two_});
    ASSERT_FALSE(shown);
    EXPECT_EQ(shown.error().kind, Errc::not_found);
    EXPECT_FALSE(layers().prepare({two_}));
    EXPECT_FALSE(layers().set_startup(Slot::a, {two_}));
    EXPECT_FALSE(layers().start_trial(Slot::a, {two_}, 1));
    EXPECT_EQ(layers().shown(), LayerStack{one_});
    EXPECT_EQ(text("bin/web"), "web");
}

TEST_P(LayerStoreConformance, ALayerThatIsShownIsNotErased) {
    put('1', {{"bin/web", "web"}});
    show({one_});
    const auto erased = layers().erase(one_);
    ASSERT_FALSE(erased);
    EXPECT_EQ(erased.error().id, "layer.shown");
    EXPECT_EQ(text("bin/web"), "web");
    show({});
    EXPECT_TRUE(layers().erase(one_));
    EXPECT_FALSE(layers().show({one_}));
}

TEST_P(LayerStoreConformance, WhatWasOpenedBeforeStaysWhatItWas) {
    put('1', {{"pair/x", "of one"}});
    put('2', {{"pair/x", "of two"}});
    show({one_});
    const auto file = open_file(seen("pair/x"), O_RDONLY);
    ASSERT_TRUE(file);
    show({two_});
    ASSERT_TRUE(layers().tidy({}));
    ASSERT_TRUE(layers().erase(one_));
    std::array<char, 16> buffer{};
    ASSERT_EQ(::read(file->get(), buffer.data(), buffer.size()), 6);
    EXPECT_EQ(std::string_view(buffer.data(), 6), "of one");
    EXPECT_EQ(text("pair/x"), "of two");
}

TEST_P(LayerStoreConformance, TidyingKeepsWhatIsShownAndWhatIsAskedFor) {
    put('1', {{"bin/web", "of one"}});
    put('2', {{"bin/web", "of two"}});
    ASSERT_TRUE(layers().prepare({one_, two_}));
    show({one_});
    ASSERT_TRUE(layers().tidy({{two_}, {one_, two_}}));
    ASSERT_TRUE(layers().tidy({}));
    EXPECT_EQ(text("bin/web"), "of one");
    show({one_, two_});
    EXPECT_EQ(text("bin/web"), "of two") << "a view that was removed is made again";
}

TEST_P(LayerStoreConformance, AWorkingDirectoryFollowsTheSwitch) {
    put('1', {{"bin/web", "of one"}, {"new/file", "1"}});
    const auto root = open_file(bench_->working_root(), O_PATH | O_DIRECTORY);
    ASSERT_TRUE(root);
    const auto has = [&](const char* path) {
        return ::faccessat(root->get(), at(path).c_str(), F_OK, 0) == 0;
    };
    EXPECT_TRUE(has("bin/nos"));
    EXPECT_FALSE(has("bin/web"));
    show({one_});
    EXPECT_TRUE(has("bin/nos"));
    EXPECT_TRUE(has("bin/web"));
    EXPECT_TRUE(has("new/file"));
    show({});
    EXPECT_FALSE(has("bin/web"));
    EXPECT_NE(::faccessat(root->get(), at("new").c_str(), F_OK, AT_SYMLINK_NOFOLLOW), 0)
        << "no link is left to what is gone";
}

// A reader opens files through the view again and again while it is switched. Every file is there
// each time, and two that are opened through one folder are of one view.
TEST_P(LayerStoreConformance, SwitchingIsAtOnceForEverybody) {
    constexpr int kSwitches = 200;
    put('1', {{"pair/first", "one"}, {"pair/second", "one"}});
    put('2', {{"pair/first", "two"}, {"pair/second", "two"}});
    show({one_});
    ASSERT_TRUE(layers().prepare({two_}));
    std::atomic<bool> ended = false;
    std::atomic<int> looks = 0;
    std::atomic<int> missing = 0;
    std::atomic<int> mixed = 0;
    const auto read_at = [](int folder, const char* name) {
        const UniqueFd fd(::openat(folder, name, O_RDONLY | O_CLOEXEC));
        std::array<char, 8> buffer{};
        const auto got = fd ? ::read(fd.get(), buffer.data(), buffer.size()) : 0;
        return std::string(buffer.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    };
    std::jthread reader([&] {
        while (!ended) {
            const UniqueFd folder(::open(seen("pair").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
            const auto first = read_at(folder.get(), "first");
            const auto second = read_at(folder.get(), "second");
            if (first.empty() || second.empty()) ++missing;
            if (first != second) ++mixed;
            const auto working = bench_->working_root();
            if (::access((working / at("pair/first")).c_str(), R_OK) != 0) ++missing;
            if (::access((working / at("bin/nos")).c_str(), R_OK) != 0) ++missing;
            ++looks;
        }
    });
    while (looks == 0) std::this_thread::yield();
    for (int i = 0; i < kSwitches; ++i) show({i % 2 == 0 ? two_ : one_});
    ended = true;
    reader.join();
    EXPECT_EQ(missing, 0) << "of " << looks;
    EXPECT_EQ(mixed, 0) << "of " << looks;
    EXPECT_GT(looks, 1);
}

TEST_P(LayerStoreConformance, EqualFilesAreStoredOnce) {
    const auto before = bench_->stored_bytes();
    if (before == 0) GTEST_SKIP() << "this back-end keeps each layer apart";
    constexpr std::size_t kBig = std::size_t{1024} * 1024;
    const std::string big(kBig, 'b');
    put('1', {{"lib/big", big}});
    put('2', {{"other/name", big}, {"bin/web", "web"}});
    const auto after = bench_->stored_bytes();
    EXPECT_GE(after - before, kBig);
    EXPECT_LT(after - before, kBig * 5 / 4);
    ASSERT_TRUE(layers().erase(one_));
    show({two_});
    EXPECT_EQ(text("other/name"), big);
    show({});
    ASSERT_TRUE(layers().tidy({}));
    ASSERT_TRUE(layers().erase(two_));
    EXPECT_LT(bench_->stored_bytes(), before + kBig / 4) << "and nothing is left of them";
}

TEST_P(LayerStoreConformance, APersistentPathOfTheBaseIsNotHidden) {
    put('1', {{"etc/nos.conf", "of one"}});
    put('2', {{"etc", "a file"}});
    for (const auto& digest : {one_, two_}) {
        const auto prepared = layers().prepare({digest});
        ASSERT_FALSE(prepared) << digest;
        EXPECT_EQ(prepared.error().id, "layer.conflict");
        EXPECT_NE(prepared.error().text().find("etc/nos.conf"), std::string::npos);
    }
    EXPECT_EQ(text("etc/nos.conf"), "of the base");
}

TEST_P(LayerStoreConformance, PersistentFilesOfTheBaseAreTheSameInEveryView) {
    put('1', {{"bin/web", "web"}});
    show({one_});
    EXPECT_EQ(text("etc/nos.conf"), "of the base");
    std::ofstream(seen("etc/nos.conf")) << "mine";
    show({});
    EXPECT_EQ(text("etc/nos.conf"), "mine");
}

TEST_P(LayerStoreConformance, PersistentFilesOfAPackageOutliveItsUpgradeAndABoot) {
    auto first = packed({{"etc/web.conf", "default of 1"}, {"bin/web", "1"}});
    auto second = packed({{"etc/web.conf", "default of 2"}, {"bin/web", "2"}});
    first.manifest.persist = second.manifest.persist = {at("etc/web.conf")};
    ASSERT_TRUE(write('1', first));
    ASSERT_TRUE(write('2', second));
    show({one_});
    EXPECT_EQ(text("etc/web.conf"), "default of 1");
    std::ofstream(seen("etc/web.conf")) << "mine";
    show({two_});
    EXPECT_EQ(text("etc/web.conf"), "mine");
    EXPECT_EQ(text("bin/web"), "2");
    bench_->power_cycle();
    show({two_});
    EXPECT_EQ(text("etc/web.conf"), "mine");
}

TEST_P(LayerStoreConformance, EachSlotHasAStartupStackAndATrialOfItsOwn) {
    put('1', {{"bin/web", "1"}});
    put('2', {{"bin/web", "2"}});
    EXPECT_EQ(layers().startup(Slot::a).value(), LayerStartup{});
    ASSERT_TRUE(layers().set_startup(Slot::a, {one_}));
    ASSERT_TRUE(layers().start_trial(Slot::a, {one_, two_}, 2));
    bench_->power_cycle();
    const auto startup = layers().startup(Slot::a).value();
    EXPECT_EQ(startup.committed, LayerStack{one_});
    EXPECT_EQ(startup.trial, (LayerStack{one_, two_}));
    EXPECT_EQ(startup.tries, 2);
    EXPECT_EQ(startup.tries_left, 2);
    EXPECT_EQ(layers().startup(Slot::b).value(), LayerStartup{});
    ASSERT_TRUE(layers().end_trial(Slot::a));
    ASSERT_TRUE(layers().end_trial(Slot::a));
    EXPECT_EQ(layers().startup(Slot::a).value(), LayerStartup{.committed = {one_}});
    ASSERT_TRUE(layers().start_trial(Slot::a, {two_}, 1));
    ASSERT_TRUE(layers().set_startup(Slot::a, {two_}));
    EXPECT_EQ(layers().startup(Slot::a).value(), LayerStartup{.committed = {two_}});
}

}  // namespace cutover
