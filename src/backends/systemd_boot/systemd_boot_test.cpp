#include "backends/systemd_boot/systemd_boot.h"

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "backends/systemd_boot/boot_entry.h"
#include "backends/systemd_boot/memory_esp.h"
#include "base/error.h"
#include "base/files.h"
#include "model/slot.h"
#include "platform/boot_control.h"
#include "platform/boot_control_conformance.h"
#include "platform/kernel_command_line.h"

namespace cutover {
namespace {

const EntrySettings kSettings{.roots = {"PARTUUID=1", "PARTUUID=2"}, .arguments = "quiet"};

// As an image is delivered.
Files first_files() {
    const auto entry = *format_entry({.slot = Slot::a, .version = 1}, kSettings);
    const auto rescue = [](const std::string& slot) {
        return "sort-key cutover-3" + slot + "\noptions root=x cutover.slot=" + slot +
               " cutover.rescue=1\nlinux /cutover/" + slot + "/vmlinuz\n";
    };
    return {{"cutover-0.conf", entry},
            {"cutover-1.conf", entry},
            {"cutover-rescue-a.conf", rescue("a")},
            {"cutover-rescue-b.conf", rescue("b")}};
}

class EspBench final : public BootBench {
public:
    explicit EspBench(Files files = first_files()) {
        esp.files = std::move(files);
        power_cycle();
    }

    BootControl& boot() override { return *boot_; }
    void power_cycle() override {
        boot_.reset();
        const auto started = PlayedLoader::boot(esp);
        EXPECT_TRUE(started) << "nothing boots";
        booted_ = started.value_or(BootedAs{});
        start_agent();
    }
    void start_agent() {
        boot_ = SystemdBoot::open(std::make_unique<MemoryEntryFolder>(esp), kSettings, booted_);
    }
    // A trial is the newest record; where there is none, both copies say the same.
    bool damage_newest_record() override {
        for (auto& [name, content] : esp.files)
            if (parse_trial_name(name)) content.assign(content.size(), '?');
        return true;
    }
    std::optional<bool> cut_power(int write,
                                  const std::function<void(BootControl&)>& change) override {
        esp.last_change = esp.log.size() + static_cast<std::size_t>(write);
        change(*boot_);
        const bool was_cut = esp.power_fails();
        esp.last_change.reset();
        power_cycle();
        return was_cut;
    }
    BootStatus status() { return boot_->status().value_or(BootStatus{}); }
    std::optional<std::string> trial_file() const {
        for (const auto& [name, content] : esp.files)
            if (name.starts_with("cutover-trial")) return name;
        return std::nullopt;
    }

    MemoryEsp esp;

private:
    BootedAs booted_;
    std::unique_ptr<BootControl> boot_;
};

INSTANTIATE_TEST_SUITE_P(SystemdBoot, BootControlConformance,
                         testing::Values([] { return std::make_unique<EspBench>(); }));

TEST(SystemdBootEntries, ATrialIsOneFileThatTheLoaderRenames) {
    EspBench bench;
    const auto committed = bench.esp.files;
    ASSERT_TRUE(bench.boot().start_trial(Slot::b, 2));
    EXPECT_EQ(bench.trial_file(), "cutover-trial-b+2.conf");
    bench.power_cycle();
    EXPECT_EQ(bench.trial_file(), "cutover-trial-b+1-1.conf");
    for (const auto& [name, content] : committed)
        EXPECT_EQ(bench.esp.files[name], content) << name << " is not touched in a trial";
    ASSERT_TRUE(bench.boot().confirm(Slot::b));
    EXPECT_EQ(bench.trial_file(), std::nullopt);
    for (const auto* const copy : {"cutover-0.conf", "cutover-1.conf"})
        EXPECT_EQ(parse_entry(bench.esp.files[copy]).value_or(BootEntry{}).slot, Slot::b);
}

TEST(SystemdBootEntries, OneDamagedCommittedEntryCostsNothingAndIsMadeAnew) {
    for (const auto* const name : {"cutover-0.conf", "cutover-1.conf"}) {
        for (const auto& content : {std::string(512, '\0'), std::string(512, 'x'),
                                    std::string("linux /vmlinuz\n"), std::string()}) {
            EspBench bench;
            ASSERT_TRUE(bench.boot().confirm(Slot::b));
            bench.esp.files[name] = content;
            bench.power_cycle();
            EXPECT_EQ(bench.status().running, Slot::b);
            EXPECT_EQ(bench.status().committed, Slot::b);
            EXPECT_TRUE(parse_entry(bench.esp.files[name])) << name;
        }
    }
}

TEST(SystemdBootEntries, WithBothCommittedEntriesLostARescueEntryBoots) {
    EspBench bench;
    bench.esp.files["cutover-0.conf"] = std::string(512, '\0');
    bench.esp.files.erase("cutover-1.conf");
    bench.power_cycle();
    EXPECT_EQ(bench.status().reason, BootReason::rescue);
    EXPECT_EQ(bench.status().committed, Slot::a);
    bench.power_cycle();
    EXPECT_EQ(bench.status().reason, BootReason::normal);
}

TEST(SystemdBootEntries, ATrialThatLostItsEntryIsStillConfirmed) {
    EspBench bench;
    ASSERT_TRUE(bench.boot().start_trial(Slot::b, 2));
    bench.power_cycle();
    bench.esp.files.erase(bench.trial_file().value_or(""));
    EXPECT_EQ(bench.status().trial, std::nullopt);
    ASSERT_TRUE(bench.boot().confirm(Slot::b));
    bench.power_cycle();
    EXPECT_EQ(bench.status().running, Slot::b);
}

TEST(SystemdBootEntries, AnEntryThatSomebodyElseMadeIsLeftAlone) {
    EspBench bench;
    bench.esp.files["memtest.conf"] = "linux /memtest\n";
    ASSERT_TRUE(bench.boot().start_trial(Slot::b, 2));
    ASSERT_TRUE(bench.boot().confirm(Slot::b));
    EXPECT_EQ(bench.esp.files["memtest.conf"], "linux /memtest\n");
}

TEST(SystemdBootEntries, TooManyTriesAndTooLongArgumentsAreRefusedBeforeAnyChange) {
    EspBench bench;
    const auto before = bench.esp.files;
    EXPECT_EQ(bench.boot().start_trial(Slot::b, 100).error().id, "boot.sdboot_bad_tries");
    EXPECT_EQ(bench.esp.files, before);
    auto folder = TempFolder::create(testing::TempDir(), "esp");
    EXPECT_EQ(SystemdBoot::open({.esp = folder->path()}).error().id, "boot.sdboot_no_entries");
    std::filesystem::create_directories(folder->path() / "loader/entries");
    EXPECT_EQ(
        SystemdBoot::open({.esp = folder->path(), .arguments = std::string(400, 'x')}).error().id,
        "boot.sdboot_long_entry");
}

TEST(SystemdBootEntries, AnInitrdOnThePartitionIsInTheEntry) {
    auto folder = TempFolder::create(testing::TempDir(), "esp");
    std::filesystem::create_directories(folder->path() / "loader/entries");
    std::filesystem::create_directories(folder->path() / "cutover/b");
    std::ofstream(folder->path() / "cutover/b/initrd.img") << "x";
    const auto boot = SystemdBoot::open({.esp = folder->path()});
    ASSERT_TRUE(boot);
    const auto entry = folder->path() / "loader/entries/cutover-0.conf";
    EXPECT_EQ(read_file(entry, 1000)->find("initrd"), std::string::npos);
    ASSERT_TRUE((*boot)->confirm(Slot::b));
    EXPECT_NE(read_file(entry, 1000)->find("initrd /cutover/b/initrd.img\n"), std::string::npos);
}

// --- power cuts

using Future = std::vector<std::optional<Slot>>;

Future future_of(const Files& files) {
    constexpr int kBoots = 8;
    MemoryEsp esp;
    esp.files = files;
    Future slots;
    for (int i = 0; i < kBoots; ++i) {
        const auto booted = PlayedLoader::boot(esp);
        slots.push_back(booted ? std::optional(booted->slot) : std::nullopt);
    }
    return slots;
}

struct Sweep {
    long states = 0;
    long unbootable = 0;
    long neither = 0;
    long trial_lost = 0;  // by a rename or a torn sector; the committed slot boots
};

// A state is as good as old or new when it starts the same slots. Inside the loader's rename, and
// while one trial takes the place of another, the committed slot alone is good too.
void look(const EspState& state, const Future& before, const Future& after, Slot committed,
          bool replacing, Sweep& sweep) {
    ++sweep.states;
    const auto future = future_of(state.files);
    for (const auto& slot : future)
        if (!slot) return void(++sweep.unbootable);
    if (future == before || future == after) return;
    const bool may_lose = state.renaming || state.torn || replacing;
    if (may_lose && future.back() == committed) return void(++sweep.trial_lost);
    ++sweep.neither;
}

// The agent that starts after the cut brings everything into order: ending the trial ends it.
void expect_order_after(const Files& files) {
    EspBench bench(files);
    const auto committed = bench.status().committed;
    ASSERT_TRUE(bench.boot().end_trial());
    for (const auto& slot : future_of(bench.esp.files)) ASSERT_EQ(slot, committed);
}

void change_something(EspBench& bench, std::mt19937& random) {
    const auto slot =
        random() % 4 != 0 ? other(bench.status().committed) : bench.status().committed;
    switch (random() % 8) {
        case 0: EXPECT_TRUE(bench.boot().confirm(slot)); break;
        case 1: EXPECT_TRUE(bench.boot().end_trial()); break;
        case 2:
        case 3:
            EXPECT_TRUE(bench.boot().start_trial(slot, 1 + static_cast<int>(random() % 3)));
            break;
        default: bench.power_cycle();
    }
}

TEST(SystemdBootEntries, APowerCutAnywhereLeavesTheOldOrTheNewChoice) {
    Sweep sweep;
    for (unsigned seed = 1; seed <= 40; ++seed) {
        std::mt19937 random(seed);
        EspBench bench;
        for (int i = 0; i < 30; ++i) {
            const auto before = future_of(bench.esp.files);
            const auto committed = bench.status().committed;
            const bool replacing = bench.status().trial.has_value();
            const auto done = bench.esp.log.size();
            change_something(bench, random);
            const auto after = future_of(bench.esp.files);
            for (auto at = done; at < bench.esp.log.size(); ++at) {
                for (const auto& state : states_inside(bench.esp.log[at], random)) {
                    look(state, before, after, committed, replacing, sweep);
                    if (sweep.states % 7 == 0) expect_order_after(state.files);
                }
            }
        }
    }
    RecordProperty("crash_states", static_cast<int>(sweep.states));
    std::cout << sweep.states << " crash states, " << sweep.trial_lost << " lost a trial\n";
    EXPECT_GE(sweep.states, 10'000);
    EXPECT_EQ(sweep.unbootable, 0);
    EXPECT_EQ(sweep.neither, 0);
}

}  // namespace
}  // namespace cutover
