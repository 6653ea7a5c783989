#pragma once

// A device in memory: a disk with a boot record, the script that reads it, the back-end over it.
// And the sweep that cuts its power at every instant.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "backends/boot_record/loader_script.h"
#include "backends/boot_record/recorded_disk.h"
#include "base/block_file.h"
#include "base/error.h"
#include "model/slot.h"
#include "platform/boot_control.h"
#include "platform/boot_control_conformance.h"
#include "platform/kernel_command_line.h"

namespace cutover {

struct RecordKind {
    std::string disk;  // as an image is delivered
    std::array<std::uint64_t, 2> offsets{};
    std::shared_ptr<const LoaderScript> script;
    std::function<Result<std::unique_ptr<BootControl>>(std::unique_ptr<BlockFile>, BootedAs)> open;
};

class RecordBench final : public BootBench {
public:
    explicit RecordBench(RecordKind kind) : kind_(std::move(kind)), disk_(kind_.disk) {
        power_cycle();
    }

    BootControl& boot() override { return *boot_; }
    void power_cycle() override { power_cycle({true, true}); }
    void power_cycle(const Loadable& loadable) {
        boot_.reset();
        const auto started = play(*kind_.script, disk_, loadable);
        EXPECT_TRUE(started) << "nothing boots";
        booted_ = started.value_or(BootedAs{});
        start_agent();
    }
    void start_agent() {
        auto opened = kind_.open(std::make_unique<BorrowedDisk>(disk_), booted_);
        ASSERT_TRUE(opened) << opened.error().text();
        boot_ = *std::move(opened);
    }
    bool damage_newest_record() override {
        disk_.damage(kind_.offsets.at(newest()) + 60, "?!");
        return true;
    }

    void rot_older_copy() {
        EXPECT_TRUE(disk_.write(kind_.offsets.at(1 - newest()), std::string(kDiskSector, 'x')));
        EXPECT_TRUE(disk_.sync());
    }

    std::optional<bool> cut_power(int write,
                                  const std::function<void(BootControl&)>& change) override {
        const auto before = disk_.log().size();
        disk_.fail_after(write);
        change(*boot_);
        disk_.fail_after(-1);
        const auto is_write = [](const auto& entry) {
            return entry.kind == RecordedDisk::Entry::Kind::write;
        };
        const auto& log = disk_.log();
        const auto done =
            std::count_if(log.begin() + static_cast<std::ptrdiff_t>(before), log.end(), is_write);
        power_cycle();
        return done == write;
    }

    std::size_t newest() const {
        const auto first = kind_.script->load(disk_, 0);
        const auto second = kind_.script->load(disk_, 1);
        return second && (!first || kind_.script->newer(*second, *first)) ? 1 : 0;
    }
    std::optional<LoaderRecord> copy(std::size_t number) const {
        return kind_.script->load(disk_, number);
    }
    const RecordKind& kind() const { return kind_; }
    RecordedDisk& disk() { return disk_; }
    const BootedAs& booted() const { return booted_; }

private:
    RecordKind kind_;
    RecordedDisk disk_;
    BootedAs booted_;
    std::unique_ptr<BootControl> boot_;
};

inline constexpr int kMostTries = 3;  // that the lives below give a trial

// What the next boots of a disk would be: the only thing about a record that matters.
inline std::vector<std::optional<BootedAs>> future_of(const RecordKind& kind,
                                                      const std::string& disk) {
    constexpr int kBoots = kMostTries + 2;
    RecordedDisk copy(disk);
    std::vector<std::optional<BootedAs>> boots;
    boots.reserve(kBoots);
    for (int i = 0; i < kBoots; ++i) boots.push_back(play(*kind.script, copy));
    return boots;
}

struct SweepResult {
    long states = 0;
    long unbootable = 0;
    long neither = 0;        // boots neither as before the change nor as after it
    long false_success = 0;  // boots as before it, though it was reported done
    long torn_lost = 0;      // a torn sector took the trial with it; the committed slot booted
};

// Lives a life of `changes` random changes and boots, and looks at every disk that a power cut in
// it could leave.
inline SweepResult sweep_power_cuts(const RecordKind& kind, unsigned seed, int changes,
                                    bool loses_syncs = false) {
    std::mt19937 random(seed);
    SweepResult result;
    RecordBench bench(kind);
    if (loses_syncs) bench.disk().lose_syncs();
    // A disk with what was synced; the log since then.
    std::string base = bench.disk().content();
    std::size_t log_begin = bench.disk().log().size();

    for (int i = 0; i < changes; ++i) {
        const auto old_future = future_of(kind, bench.disk().content());
        const auto committed = bench.boot().status()->committed;
        const bool is_boot = random() % 2 == 0;
        if (is_boot) {
            bench.power_cycle();
        } else if (random() % 6 == 0) {
            bench.rot_older_copy();
            bench.start_agent();
        } else {
            const auto slot = random() % 4 != 0 ? other(committed) : committed;
            switch (random() % 4) {
                case 0: EXPECT_TRUE(bench.boot().confirm(slot)); break;
                case 1: EXPECT_TRUE(bench.boot().end_trial()); break;
                default:
                    EXPECT_TRUE(bench.boot().start_trial(
                        slot, 1 + static_cast<int>(random() % kMostTries)));
            }
        }
        auto new_future = future_of(kind, bench.disk().content());
        const std::vector log(bench.disk().log().begin() + static_cast<std::ptrdiff_t>(log_begin),
                              bench.disk().log().end());
        for (std::size_t length = 0; length <= log.size(); ++length) {
            const std::vector prefix(log.begin(),
                                     log.begin() + static_cast<std::ptrdiff_t>(length));
            const bool reported = length == log.size();
            for_each_crash_state(base, prefix, random, 24, [&](const auto& disk, CutKind cut) {
                ++result.states;
                const auto future = future_of(kind, disk);
                for (const auto& boot : future)
                    if (!boot) return void(++result.unbootable);
                if (future == new_future || (future == old_future && !reported)) return;
                if (future == old_future) return void(++result.false_success);
                const bool to_committed =
                    future.front()->slot == committed && future.back() == future.front();
                const bool torn = cut == CutKind::torn_sector && is_boot && to_committed;
                ++(torn ? result.torn_lost : result.neither);
            });
        }
        base = bench.disk().content();
        log_begin = bench.disk().log().size();
        if (loses_syncs) {
            base = kind.disk;
            log_begin = 0;
        }
    }
    return result;
}

}  // namespace cutover
