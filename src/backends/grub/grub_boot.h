#pragma once

#include <filesystem>
#include <memory>

#include "base/block_file.h"
#include "base/error.h"
#include "platform/boot_control.h"
#include "platform/kernel_command_line.h"

namespace cutover {

// The boot record of a device that GRUB starts with integration/grub/grub.cfg.
//
// A small partition with a FAT12 file system holds two files, ENV0 and ENV1, each one environment
// block (see EnvironmentBlock) and in 4096 bytes of its own. The partition is never mounted: GRUB
// goes through the file system, this writes the files' bytes where they lie. Nothing of the file
// system itself is ever changed, by neither, so a power cut cannot damage it.
//
// Which copy is written when, and what a damaged one costs: RecordBoot.
struct GrubBootOptions {
    std::filesystem::path device;  // /dev/disk/by-partuuid/..., or an image of the partition
    BootedAs booted;
};

// Rebuilds damaged blocks. Fails with boot.grub_bad_partition when there is no such file system.
Result<std::unique_ptr<BootControl>> open_grub_boot(const GrubBootOptions& options);

// The same over any bytes, for tests.
Result<std::unique_ptr<BootControl>> open_grub_boot(std::unique_ptr<BlockFile> partition,
                                                    BootedAs booted);

}  // namespace cutover
