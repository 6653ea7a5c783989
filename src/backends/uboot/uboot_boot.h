#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>

#include "base/block_file.h"
#include "base/error.h"
#include "platform/boot_control.h"
#include "platform/kernel_command_line.h"

namespace cutover {

// The boot record of a device that U-Boot starts with integration/uboot/boot.cmd: a redundant
// U-Boot environment (see RedundantEnvironment) of its own, as raw bytes on a partition or disk. It
// is not U-Boot's own environment, which the script neither needs nor changes; fw_printenv shows
// it.
//
// Which copy is written when, and what a damaged one costs: RecordBoot.
struct UbootBootOptions {
    std::filesystem::path device;  // /dev/disk/by-partuuid/..., a disk, or an image of one
    std::array<std::uint64_t, 2> offsets{0, 4096};  // of the copies, in bytes
    std::size_t size = 4096;                        // of one copy
    BootedAs booted;
};

// Rebuilds damaged copies. Fails with boot.uboot_bad_place when the copies overlap, do not begin at
// a sector, or lie outside of the device.
Result<std::unique_ptr<BootControl>> open_uboot_boot(const UbootBootOptions& options);

// The same over any bytes, for tests; `device` is not looked at.
Result<std::unique_ptr<BootControl>> open_uboot_boot(std::unique_ptr<BlockFile> file,
                                                     const UbootBootOptions& options);

}  // namespace cutover
