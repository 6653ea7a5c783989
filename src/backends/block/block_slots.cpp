#include "backends/block/block_slots.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <span>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "backends/block/errors.h"
#include "backends/block/partition.h"
#include "backends/block/slot_claim.h"
#include "base/byte_source.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"
#include "crypto/digest.h"
#include "model/manifest.h"
#include "model/package_kind.h"
#include "model/slot.h"
#include "platform/block_writer.h"
#include "platform/errors.h"
#include "platform/persistence.h"
#include "platform/slot_store.h"
#include "platform/superblock.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

std::size_t index_of(Slot slot) { return static_cast<std::size_t>(slot); }

// Hashes what goes through, on the thread that reads.
class HashedSource final : public ByteSource {
public:
    explicit HashedSource(ByteSource& content) : content_(content) {}

    Result<std::size_t> read(std::span<std::byte> buffer) override {
        const auto got = TRY(content_.read(buffer));
        hash_.update(buffer.first(got));
        return got;
    }
    Digest digest() { return hash_.finish(); }

private:
    ByteSource& content_;
    Sha256 hash_;
};

Result<Digest> hash_from_disk(const Partition& partition, std::uint64_t size_bytes) {
    Sha256 hash;
    TRY(partition.read_from_disk(size_bytes, [&](std::span<const std::byte> bytes) -> Result<> {
        hash.update(bytes);
        return {};
    }));
    return hash.finish();
}

// No boot loader and no mount takes what begins with zeros for a file system.
Result<> wipe_head(const Partition& partition, const WritablePartition& writable) {
    std::array<std::byte, kSuperblockBytes> head{};
    const auto size = std::min<std::uint64_t>(TRY(partition.size_bytes()), head.size());
    const auto beginning = std::span(head).first(static_cast<std::size_t>(size));
    TRY(partition.read_at(0, beginning));
    const bool blank =
        std::ranges::all_of(beginning, [](std::byte byte) { return byte == std::byte{0}; });
    if (blank) return {};
    std::ranges::fill(beginning, std::byte{0});
    const auto fd = TRY(writable.open());
    set_buffered(fd.get());
    fault_point("slot.wipe");
    TRY(write_all(fd.get(), beginning, writable.path().string()));
    TRY(sync_fd(fd.get(), writable.path().string()));
    fault_point("slot.wiped");
    return {};
}

}  // namespace

BlockSlots::BlockSlots(const Options& options)
    : partitions_{Partition(options.a), Partition(options.b)},
      claims_(options.claims),
      persist_(options.persist),
      running_(options.running),
      running_root_(options.running_root) {
    for (const auto slot : {Slot::a, Slot::b})
        if (slot != running_)
            writable_.at(index_of(slot))
                .emplace(partition(slot).path(), partition(other(slot)).path());
}

const Partition& BlockSlots::partition(Slot slot) const { return partitions_.at(index_of(slot)); }

fs::path BlockSlots::persist(Slot slot) const { return persist_ / std::string(1, letter(slot)); }

Result<const WritablePartition*> BlockSlots::writable(Slot slot) const {
    const auto& writable = writable_.at(index_of(slot));
    if (!writable)
        return fail(errors::slot_active, "slot {} runs and cannot be changed", to_string(slot));
    return &*writable;
}

Result<SlotSpace> BlockSlots::space(Slot slot) const {
    const auto size = TRY(partition(slot).size_bytes());
    return SlotSpace{
        .file_system = partition(slot).path(), .available_bytes = size, .shared = false};
}

Result<> BlockSlots::write(Slot slot, const Manifest& manifest, ByteSource& content) {
    TRY(erase(slot));
    auto filled = fill(slot, manifest, content);
    if (!filled) {
        (void)erase(slot);  // without a claim it holds nothing in any case
        return std::unexpected(std::move(filled).error());
    }
    return {};
}

Result<> BlockSlots::check_size(Slot slot, const Manifest& manifest) const {
    if (manifest.payload.type != PayloadType::image)
        return fail(errors::slot_needs_image, "{} {} is a {}, slot {} is a partition",
                    manifest.name, manifest.version.text(), to_string(manifest.payload.type),
                    to_string(slot));
    const auto size = TRY(partition(slot).size_bytes());
    const auto needed = std::max(manifest.payload.content_bytes, manifest.payload.installed_bytes);
    if (needed > size)
        return fail(errors::slot_no_space, "slot {} needs {}, {} has {}: {} bytes are missing",
                    to_string(slot), human_size(needed), partition(slot).path().string(),
                    human_size(size), needed - size);
    return {};
}

Result<> BlockSlots::fill(Slot slot, const Manifest& manifest, ByteSource& content) {
    const auto* const target = TRY(writable(slot));
    TRY(check_size(slot, manifest));
    HashedSource hashed(content);
    {
        const auto fd = TRY(target->open());
        TRY(write_blocks(
            {.fd = fd.get(), .name = target->path().string(), .is_zero = false, .head_last = true},
            manifest.payload.content_bytes, hashed));
    }
    return claim(slot, manifest, hashed.digest());
}

// What the disk gives back must be what was meant, before anybody is told that it is there.
Result<> BlockSlots::claim(Slot slot, const Manifest& manifest, const Digest& expected) {
    const auto size = manifest.payload.content_bytes;
    const auto found = TRY(hash_from_disk(partition(slot), size));
    if (found != expected)
        return fail(errors::slot_not_as_written, "{} reads back as SHA-256 {}, and not as {}",
                    partition(slot).path().string(), to_hex(found), to_hex(expected));
    TRY(check_superblock(slot, size));
    TRY(make_folders(persist(slot)));
    const auto ends = TRY(read_ends(partition(slot), size));
    return write_claim(claims_, slot, {.manifest = manifest, .content = found, .ends = ends});
}

Result<> BlockSlots::check_superblock(Slot slot, std::uint64_t content_bytes) const {
    std::array<std::byte, kSuperblockBytes> head{};
    const auto& from = partition(slot);
    if (content_bytes >= head.size()) TRY(from.read_at(0, head));
    const auto found = find_superblock(head);
    if (!found)
        return fail(errors::slot_bad_image, "{} holds neither squashfs nor ext4 nor erofs",
                    from.path().string());
    if (found->size_bytes > content_bytes)
        return fail(errors::slot_bad_image, "{} is {} long, the image {}: its end is missing",
                    found->file_system, human_size(found->size_bytes), human_size(content_bytes));
    return {};
}

Result<> BlockSlots::adopt(Slot slot, const Manifest& manifest, ByteSource& content) {
    static_cast<void>(TRY(writable(slot)));
    TRY(check_size(slot, manifest));
    TRY(remove_claim(claims_, slot));
    AlignedBlock block;
    Sha256 hash;
    std::uint64_t total = 0;
    for (;;) {
        const auto got = TRY(content.read(block.all()));
        if (got == 0) break;
        hash.update(block.all().first(got));
        total += got;
    }
    if (total != manifest.payload.content_bytes)
        return fail(errors::slot_wrong_content, "the image has {} bytes, and not {}", total,
                    manifest.payload.content_bytes);
    auto claimed = claim(slot, manifest, hash.finish());
    if (!claimed && claimed.error().id == errors::slot_not_as_written.id)
        return fail(errors::slot_other_content, "{} does not hold the image of {} {}",
                    partition(slot).path().string(), manifest.name, manifest.version.text());
    return claimed;
}

Result<> BlockSlots::erase(Slot slot) {
    const auto* const target = TRY(writable(slot));
    // First the claim, then the content: no slot ever claims what it does not hold.
    TRY(remove_claim(claims_, slot));
    TRY(wipe_head(partition(slot), *target));
    TRY(remove_tree(persist(slot)));
    fault_point("slot.erased");
    return {};
}

Result<Manifest> BlockSlots::manifest(Slot slot) const {
    auto claim = TRY(read_claim(claims_, slot));
    if (slot == running_ && running_believed_) return std::move(claim.manifest);
    const auto size = claim.manifest.payload.content_bytes;
    const bool fits = size <= TRY(partition(slot).size_bytes()) &&
                      TRY(read_ends(partition(slot), size)) == claim.ends;
    if (!fits)
        return fail(Errc::not_found, "slot {} holds something that was not installed: {} changed",
                    to_string(slot), partition(slot).path().string());
    if (slot == running_) running_believed_ = true;
    return std::move(claim.manifest);
}

Result<> BlockSlots::carry_persistent(Slot from, Slot to, const std::vector<std::string>& paths) {
    static_cast<void>(TRY(writable(to)));
    const auto wanted = TRY(persistent_paths(paths));
    (void)TRY(manifest(to));
    const auto root = from == running_ ? running_root_ : fs::path();
    for (const auto& path : wanted) {
        fault_point("slot.carry");
        const auto found = TRY(find_persistent(root, persist(from), path));
        if (found.empty()) continue;
        TRY(copy_over(found, persist(to) / path, Existing::replaced), "carry {}", path.string());
    }
    TRY(make_folders(persist(to)));
    TRY(sync_file_system(persist(to)));
    fault_point("slot.carried");
    return {};
}

}  // namespace cutover
