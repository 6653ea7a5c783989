#include "backends/grub/grub_boot.h"

#include <cstdint>
#include <memory>
#include <utility>

#include "backends/boot_record/record_boot.h"
#include "backends/grub/environment_block.h"
#include "backends/grub/errors.h"
#include "backends/grub/fat_file.h"
#include "base/block_file.h"
#include "base/error.h"
#include "platform/boot_control.h"
#include "platform/kernel_command_line.h"

namespace cutover {
namespace {

// Linux writes a block device by pages, and flash by still larger pieces. Copies in the same page
// could go together.
constexpr std::uint64_t kApartBytes = 4096;

}  // namespace

Result<std::unique_ptr<BootControl>> open_grub_boot(std::unique_ptr<BlockFile> partition,
                                                    BootedAs booted) {
    const auto first = TRY(find_fat_file(*partition, "ENV0", kEnvironmentBlockBytes));
    const auto second = TRY(find_fat_file(*partition, "ENV1", kEnvironmentBlockBytes));
    if (first / kApartBytes == second / kApartBytes)
        return fail(errors::grub_bad_partition,
                    "ENV0 and ENV1 share {} bytes: make the file system with clusters of {}",
                    kApartBytes, kApartBytes);
    return RecordBoot::open({.file = std::move(partition), .offsets = {first, second}},
                            std::make_unique<EnvironmentBlock>(), booted);
}

Result<std::unique_ptr<BootControl>> open_grub_boot(const GrubBootOptions& options) {
    auto partition = TRY(BlockFile::open(options.device));
    return TRY(open_grub_boot(std::move(partition), options.booted), "open the boot record on {}",
               options.device.string());
}

}  // namespace cutover
