#pragma once

// A disk in memory that remembers every write and sync, and what power cuts would have left of it.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/block_file.h"
#include "base/error.h"

namespace cutover {

inline constexpr std::size_t kDiskSector = 512;

class RecordedDisk final : public BlockFile {
public:
    struct Write {
        std::uint64_t offset = 0;
        std::string bytes;
    };
    // Between two entries of the log lies an instant at which power can fail.
    struct Entry {
        enum class Kind : std::uint8_t { write, sync } kind = Kind::sync;
        Write write;
    };

    explicit RecordedDisk(std::string content) : content_(std::move(content)) {}

    Result<std::string> read(std::uint64_t offset, std::size_t size) const override {
        if (offset + size > content_.size()) return fail(Errc::corrupt, "past the end");
        return content_.substr(offset, size);
    }
    Result<> write(std::uint64_t offset, std::string_view bytes) override {
        if (writes_left_ == 0) return fail(Errc::io, "the power has failed");
        if (writes_left_ > 0) --writes_left_;
        content_.replace(offset, bytes.size(), bytes);
        log_.push_back(
            {.kind = Entry::Kind::write, .write = {.offset = offset, .bytes = std::string(bytes)}});
        return {};
    }
    Result<> sync() override {
        if (!loses_syncs_) log_.push_back({});
        return {};
    }

    const std::string& content() const { return content_; }
    const std::vector<Entry>& log() const { return log_; }
    void damage(std::uint64_t offset, std::string_view bytes) {
        content_.replace(offset, bytes.size(), bytes);
    }
    // Every write after this many fails, until it is called with -1.
    void fail_after(int writes) { writes_left_ = writes; }
    void lose_syncs() { loses_syncs_ = true; }  // a test of the tests

private:
    std::string content_;
    std::vector<Entry> log_;
    bool loses_syncs_ = false;
    int writes_left_ = -1;
};

// A view of a disk that somebody else owns.
class BorrowedDisk final : public BlockFile {
public:
    explicit BorrowedDisk(RecordedDisk& disk) : disk_(disk) {}
    Result<std::string> read(std::uint64_t offset, std::size_t size) const override {
        return disk_.read(offset, size);
    }
    Result<> write(std::uint64_t offset, std::string_view bytes) override {
        return disk_.write(offset, bytes);
    }
    Result<> sync() override { return disk_.sync(); }

private:
    RecordedDisk& disk_;
};

enum class CutKind : std::uint8_t {
    whole_sectors,  // each sector not yet flushed is old or new
    torn_sector,    // and one of them is neither: worse than disks promise to be
};

// Every disk that a power cut can leave at the end of `log`, which began on `base`: what was synced
// is there; of the rest, any sectors, in any order.
inline void for_each_crash_state(
    const std::string& base, const std::vector<RecordedDisk::Entry>& log, std::mt19937& random,
    int torn_states, const std::function<void(const std::string& disk, CutKind kind)>& look) {
    std::string durable = base;
    std::vector<RecordedDisk::Write> pending;  // sector by sector, in the order of writing
    const auto apply = [](std::string& disk, const RecordedDisk::Write& write) {
        disk.replace(write.offset, write.bytes.size(), write.bytes);
    };
    for (const auto& entry : log) {
        if (entry.kind == RecordedDisk::Entry::Kind::sync) {
            for (const auto& write : pending) apply(durable, write);
            pending.clear();
            continue;
        }
        for (std::size_t at = 0; at < entry.write.bytes.size(); at += kDiskSector)
            pending.push_back({.offset = entry.write.offset + at,
                               .bytes = entry.write.bytes.substr(at, kDiskSector)});
    }
    std::erase_if(pending, [&](const auto& write) {
        return durable.compare(write.offset, write.bytes.size(), write.bytes) == 0;
    });
    constexpr std::size_t kAllSubsets = 8;
    const std::uint64_t subsets = std::uint64_t{1} << std::min(pending.size(), kAllSubsets);
    for (std::uint64_t subset = 0; subset < subsets; ++subset) {
        auto disk = durable;
        const auto chosen = pending.size() <= kAllSubsets ? subset : random();
        for (std::size_t i = 0; i < pending.size(); ++i)
            if (((chosen >> (i % 32)) & 1U) != 0) apply(disk, pending[i]);
        look(disk, CutKind::whole_sectors);
    }
    for (const auto& write : pending) {
        for (int n = 0; n < torn_states; ++n) {
            auto disk = durable;
            auto torn = write;
            const auto cut = random() % kDiskSector;
            const auto tail = durable.substr(write.offset + cut, write.bytes.size() - cut);
            switch (n % 4) {
                case 0: torn.bytes.replace(cut, std::string::npos, tail); break;  // new, then old
                case 1: std::fill(torn.bytes.begin(), torn.bytes.end(), '\0'); break;
                case 2:
                    std::fill(torn.bytes.begin() + static_cast<std::ptrdiff_t>(cut),
                              torn.bytes.end(), '\xff');
                    break;
                default:
                    for (auto& c : torn.bytes) c = static_cast<char>(random());
            }
            apply(disk, torn);
            look(disk, CutKind::torn_sector);
        }
    }
}

}  // namespace cutover
