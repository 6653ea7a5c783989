#pragma once

// GRUB's partition in memory, for tests.

#include <cstddef>
#include <cstdint>
#include <string>

namespace cutover {

struct FatShape {
    std::uint32_t cluster_sectors = 8;
    std::uint32_t first_cluster = 2;  // of ENV0; ENV1 has the next
    std::uint32_t file_bytes = 1024;
};

// What mkfs.vfat and mcopy make, as far as anybody looks at it.
inline std::string fat_partition(const std::string& env0, const std::string& env1,
                                 FatShape shape = {}) {
    constexpr std::uint32_t kSectors = 128;
    constexpr std::uint32_t kRootEntries = 16;
    std::string disk(std::size_t{kSectors} * 512, '\0');
    const auto put = [&](std::size_t at, std::uint32_t value, int width) {
        for (int i = 0; i < width; ++i) disk.at(at++) = static_cast<char>(value >> (8 * i));
    };
    put(11, 512, 2);
    put(13, shape.cluster_sectors, 1);
    put(14, 1, 2);  // reserved sectors, tables, root entries, sectors, sectors of a table
    put(16, 2, 1);
    put(17, kRootEntries, 2);
    put(19, kSectors, 2);
    put(22, 1, 2);
    put(510, 0xaa55, 2);
    const std::size_t root = std::size_t{3} * 512;
    const std::size_t data = root + std::size_t{kRootEntries} * 32;
    disk.replace(root, 11, "ENVIRONMENT");
    disk.at(root + 11) = 0x08;                          // a volume label
    disk.replace(root + 32, 11, "\xe5NV0       ", 11);  // a deleted file
    disk.replace(root + 64, 11, "ENV0       ");
    disk.replace(root + 96, 11, "ENV1       ");
    for (const std::uint32_t number : {0U, 1U}) {
        const auto entry = root + 64 + std::size_t{32} * number;
        put(entry + 26, shape.first_cluster + number, 2);
        put(entry + 28, shape.file_bytes, 4);
        const auto at =
            data + std::size_t{512} * shape.cluster_sectors * (shape.first_cluster + number - 2);
        const auto& content = number == 0 ? env0 : env1;
        if (at + content.size() <= disk.size()) disk.replace(at, content.size(), content);
    }
    return disk;
}

inline constexpr std::uint64_t kEnv0 = 2048;  // where fat_partition() puts the files
inline constexpr std::uint64_t kEnv1 = 2048 + 4096;

}  // namespace cutover
