#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "backends/block/partition.h"
#include "backends/block/slot_claim.h"
#include "base/byte_source.h"
#include "base/error.h"
#include "crypto/digest.h"
#include "model/manifest.h"
#include "model/slot.h"
#include "platform/slot_store.h"

namespace cutover {

// Two partitions (plain files in tests and for who builds an image), each with the image of a base
// from its first byte on. What they hold is told by files on the data partition:
//
//     <claims>/a.json      SlotClaim: written last and removed first
//     <persist>/a/         the base's persistent files, shown over its root at early boot
//
// A running slot is mounted read-only; a root that is mounted for writing changes its superblock,
// and is then no longer what was installed.
class BlockSlots final : public SlotStore {
public:
    struct Options {
        std::filesystem::path a;
        std::filesystem::path b;
        std::filesystem::path claims;
        std::filesystem::path persist;
        std::optional<Slot> running;  // none on a device that is being made
        std::filesystem::path running_root = "/";
    };
    explicit BlockSlots(const Options& options);

    Result<SlotSpace> space(Slot slot) const override;
    Result<> write(Slot slot, const Manifest& manifest, ByteSource& content) override;
    Result<> erase(Slot slot) override;
    Result<Manifest> manifest(Slot slot) const override;
    Result<> carry_persistent(Slot from, Slot to, const std::vector<std::string>& paths) override;
    Result<PersistentFiles> persistent(Slot slot) const override {
        return PersistentFiles{.folder = persist(slot), .factory = {}, .from_base = true};
    }

    // Claims a slot that holds `content` already, as who builds an image puts it there. Everything
    // is compared; slot.other_content when it differs.
    Result<> adopt(Slot slot, const Manifest& manifest, ByteSource& content);

    std::filesystem::path persist(Slot slot) const;

private:
    Result<const WritablePartition*> writable(Slot slot) const;
    const Partition& partition(Slot slot) const;
    Result<> fill(Slot slot, const Manifest& manifest, ByteSource& content);
    Result<> check_size(Slot slot, const Manifest& manifest) const;
    Result<> check_superblock(Slot slot, std::uint64_t content_bytes) const;
    Result<> claim(Slot slot, const Manifest& manifest, const Digest& expected);

    // All that can be written: the running slot has none here.
    std::array<std::optional<WritablePartition>, 2> writable_;
    std::array<Partition, 2> partitions_;
    std::filesystem::path claims_;
    std::filesystem::path persist_;
    std::optional<Slot> running_;
    std::filesystem::path running_root_;
    // The running slot is compared with its claim once: nothing here can write it.
    mutable std::atomic<bool> running_believed_ = false;
};

}  // namespace cutover
