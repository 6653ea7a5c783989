#include "backends/grub/fat_file.h"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "backends/grub/errors.h"
#include "base/block_file.h"
#include "base/error.h"

namespace cutover {
namespace {

constexpr std::size_t kEntryBytes = 32;
constexpr std::size_t kNameBytes = 11;
constexpr std::uint32_t kMaxRootEntries = 4096;

std::uint32_t number(std::string_view bytes, std::size_t offset, std::size_t width) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < width; ++i)
        value |= std::uint32_t{static_cast<unsigned char>(bytes.at(offset + i))} << (8 * i);
    return value;
}

struct Layout {
    std::uint64_t root = 0;  // byte offsets
    std::uint32_t root_entries = 0;
    std::uint64_t data = 0;
    std::uint64_t end = 0;
    std::uint32_t cluster_bytes = 0;
};

Result<Layout> read_layout(const BlockFile& file_system) {
    const auto boot = TRY(file_system.read(0, 512));
    const auto sector = number(boot, 11, 2);
    const auto cluster_sectors = number(boot, 13, 1);
    const auto reserved = number(boot, 14, 2);
    const auto tables = number(boot, 16, 1);
    const auto entries = number(boot, 17, 2);
    const auto sectors = number(boot, 19, 2) != 0 ? number(boot, 19, 2) : number(boot, 32, 4);
    const auto table_sectors = number(boot, 22, 2);
    const bool fat = number(boot, 510, 2) == 0xaa55 && std::has_single_bit(sector) &&
                     sector >= 512 && sector <= 4096 && std::has_single_bit(cluster_sectors) &&
                     reserved >= 1 && tables >= 1 && tables <= 2 && entries >= 1 &&
                     entries <= kMaxRootEntries && table_sectors >= 1;
    if (!fat) return fail(errors::grub_bad_partition, "it holds no FAT12 or FAT16 file system");
    Layout layout{.root_entries = entries, .cluster_bytes = sector * cluster_sectors};
    layout.root = std::uint64_t{sector} * (reserved + tables * table_sectors);
    layout.data = layout.root + std::uint64_t{entries} * kEntryBytes;
    layout.data = (layout.data + sector - 1) / sector * sector;
    layout.end = std::uint64_t{sector} * sectors;
    return layout;
}

// An entry that is a file: not deleted, no part of a long name, no folder, no volume label.
bool is_file(std::string_view entry) {
    constexpr unsigned kNoFile = 0x18;
    return entry.at(0) != '\xe5' && (number(entry, 11, 1) & kNoFile) == 0;
}

}  // namespace

Result<std::uint64_t> find_fat_file(const BlockFile& file_system, std::string_view name,
                                    std::uint32_t size) {
    const auto layout = TRY(read_layout(file_system));
    auto padded = std::string(name);
    padded.resize(kNameBytes, ' ');
    const auto root = TRY(file_system.read(layout.root, layout.root_entries * kEntryBytes));
    for (std::size_t at = 0; at < root.size() && root[at] != '\0'; at += kEntryBytes) {
        const auto entry = std::string_view(root).substr(at, kEntryBytes);
        if (!is_file(entry) || !entry.starts_with(padded)) continue;
        if (number(entry, 28, 4) != size)
            return fail(errors::grub_bad_partition, "{} is {} bytes long, not {}", name,
                        number(entry, 28, 4), size);
        if (layout.cluster_bytes < size)
            return fail(errors::grub_bad_partition, "clusters of {} bytes are too small for {}",
                        layout.cluster_bytes, name);
        const auto cluster = number(entry, 26, 2);
        const auto offset = layout.data + (std::uint64_t{cluster} - 2) * layout.cluster_bytes;
        if (cluster < 2 || offset + size > layout.end)
            return fail(errors::grub_bad_partition, "{} lies outside of the partition", name);
        return offset;
    }
    return fail(errors::grub_bad_partition, "there is no file {} in it", name);
}

}  // namespace cutover
