#include "platform/emulated/emulated_boot.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"
#include "model/slot.h"
#include "platform/boot_control.h"
#include "platform/boot_control_conformance.h"
#include "platform/emulated/boot_record.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

// The files of an emulated boot record, and hands on them.
struct RecordFolder {
    Result<TempFolder> folder = TempFolder::create(testing::TempDir(), "boot");
    EmulatedBoot boot{folder->path()};

    RecordFolder() {
        EXPECT_TRUE(boot.write({}));
        EXPECT_TRUE(boot.write({}));
    }
    fs::path copy(int number) const { return folder->path() / fmt::format("record.{}", number); }
    std::string text(int number) const { return read_file(copy(number), 10'000).value_or(""); }
    void put(int number, const std::string& text) const { std::ofstream(copy(number)) << text; }
    std::uint64_t sequence(int number) const {
        const auto record = parse_boot_record(text(number));
        return record ? record->sequence : 0;
    }
    int newest() const { return sequence(1) > sequence(0) ? 1 : 0; }
};

class EmulatedBootBench final : public BootBench {
public:
    BootControl& boot() override { return files_.boot; }
    void power_cycle() override {
        const auto record = files_.boot.read();
        ASSERT_TRUE(record);
        ASSERT_TRUE(files_.boot.write(next_boot(*record)));
    }
    bool damage_newest_record() override {
        auto text = files_.text(files_.newest());
        text.at(40) = '?';
        files_.put(files_.newest(), text);
        return true;
    }
    // A child makes the change and is killed at a fault point.
    std::optional<bool> cut_power(int write,
                                  const std::function<void(BootControl&)>& change) override {
        const pid_t child = ::fork();
        if (child == 0) {
            fault_restart(write + 1, nullptr);
            change(files_.boot);
            ::_exit(0);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        power_cycle();
        return WIFSIGNALED(status);
    }

private:
    RecordFolder files_;
};

INSTANTIATE_TEST_SUITE_P(Emulated, BootControlConformance,
                         testing::Values([] { return std::make_unique<EmulatedBootBench>(); }));

BootRecord some_record() {
    return {.sequence = 42,
            .committed = Slot::b,
            .trial = Slot::a,
            .tries = 3,
            .tries_left = 1,
            .booted = Slot::a,
            .reason = BootReason::trial};
}

TEST(BootRecordFormat, WhatIsWrittenIsRead) {
    const auto text = format_boot_record(some_record());
    EXPECT_EQ(text.size(), kBootRecordBytes);
    const auto read = parse_boot_record(text);
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, some_record());
}

TEST(BootRecordFormat, AnyChangedByteIsDamage) {
    const auto text = format_boot_record(some_record());
    for (std::size_t i = 0; i < text.size(); ++i) {
        for (const char flip : {'\x01', '\x20', '\x80'}) {
            auto changed = text;
            changed.at(i) = static_cast<char>(changed.at(i) ^ flip);
            EXPECT_FALSE(parse_boot_record(changed)) << "byte " << i;
        }
    }
}

TEST(BootRecordFormat, AnyOtherLengthIsDamage) {
    const auto text = format_boot_record(some_record());
    for (std::size_t length = 0; length < text.size(); ++length)
        EXPECT_FALSE(parse_boot_record(text.substr(0, length))) << length;
    EXPECT_FALSE(parse_boot_record(text + "\n"));
}

TEST(BootRecordFormat, ValuesOutOfRangeAreDamageEvenWithARightChecksum) {
    auto record = some_record();
    record.tries_left = 4;  // more than it was given
    EXPECT_FALSE(parse_boot_record(format_boot_record(record)));
    record = some_record();
    record.tries = kMaxTries + 1;
    EXPECT_FALSE(parse_boot_record(format_boot_record(record)));
}

TEST(EmulatedBootRecord, AWriteReplacesTheOlderCopyOnly) {
    RecordFolder files;
    for (int i = 0; i < 4; ++i) {
        const int newest = files.newest();
        const auto kept = files.text(newest);
        ASSERT_TRUE(files.boot.start_trial(Slot::b, 1 + i));
        EXPECT_EQ(files.text(newest), kept);
        EXPECT_NE(files.newest(), newest);
    }
}

TEST(EmulatedBootRecord, ACopyTornAtAnyByteLeavesTheOther) {
    RecordFolder files;
    ASSERT_TRUE(files.boot.start_trial(Slot::b, 2));
    const auto torn_one = files.newest();
    const auto whole = files.text(torn_one);
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
        // The sector was replaced up to `cut`; the rest is what was there two writes ago.
        auto torn = whole.substr(0, cut) + std::string(whole.size() - cut, '?');
        files.put(torn_one, torn);
        const auto status = files.boot.status();
        ASSERT_TRUE(status) << cut;
        EXPECT_EQ(status->committed, Slot::a);
        EXPECT_EQ(status->trial, std::nullopt) << cut;
    }
}

TEST(EmulatedBootRecord, AMissingCopyIsMadeAgain) {
    RecordFolder files;
    ASSERT_TRUE(files.boot.start_trial(Slot::b, 2));
    fs::remove(files.copy(1 - files.newest()));
    EXPECT_EQ(files.boot.status()->trial, Slot::b);
    ASSERT_TRUE(files.boot.end_trial());
    EXPECT_TRUE(fs::exists(files.copy(0)));
    EXPECT_TRUE(fs::exists(files.copy(1)));
    EXPECT_EQ(files.boot.status()->trial, std::nullopt);
}

TEST(EmulatedBootRecord, TwoDamagedCopiesAreAnErrorAndAWriteHealsThem) {
    RecordFolder files;
    files.put(0, "junk");
    files.put(1, std::string(100'000, 'x'));
    const auto status = files.boot.status();
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().id, "boot.record_damaged");
    EXPECT_FALSE(files.boot.start_trial(Slot::b, 1));
    ASSERT_TRUE(files.boot.write({.committed = Slot::b}));
    EXPECT_EQ(files.boot.status()->committed, Slot::b);
    ASSERT_TRUE(files.boot.write({.committed = Slot::b}));
    EXPECT_EQ(files.text(0).size(), kBootRecordBytes);
    EXPECT_EQ(files.text(1).size(), kBootRecordBytes);
}

}  // namespace
}  // namespace cutover
