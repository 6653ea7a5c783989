#include "backends/uboot/uboot_boot.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "backends/boot_record/record_boot.h"
#include "backends/uboot/errors.h"
#include "backends/uboot/redundant_environment.h"
#include "base/block_file.h"
#include "base/error.h"
#include "platform/boot_control.h"

namespace cutover {
namespace {

constexpr std::uint64_t kSectorBytes = 512;
constexpr std::size_t kMaxBytes = std::size_t{1024} * 1024;

}  // namespace

Result<std::unique_ptr<BootControl>> open_uboot_boot(std::unique_ptr<BlockFile> file,
                                                     const UbootBootOptions& options) {
    const auto [first, second] = options.offsets;
    const auto size = options.size;
    const bool sectors =
        first % kSectorBytes == 0 && second % kSectorBytes == 0 && size % kSectorBytes == 0;
    if (!sectors || size == 0 || size > kMaxBytes)
        return fail(errors::uboot_bad_place,
                    "offsets {} and {} and size {} are not whole sectors of 512 bytes", first,
                    second, size);
    if (std::max(first, second) - std::min(first, second) < size)
        return fail(errors::uboot_bad_place, "two copies of {} bytes at {} and {} overlap", size,
                    first, second);
    // Not: a sector that cannot be read. That is a damaged copy, and will be written anew.
    for (const auto offset : options.offsets)
        if (const auto last = file->read(offset + size - kSectorBytes, kSectorBytes);
            !last && last.error().kind == Errc::corrupt)
            return fail(errors::uboot_bad_place, "the device ends before byte {}", offset + size);
    return RecordBoot::open({.file = std::move(file), .offsets = options.offsets},
                            std::make_unique<RedundantEnvironment>(size), options.booted);
}

Result<std::unique_ptr<BootControl>> open_uboot_boot(const UbootBootOptions& options) {
    auto file = TRY(BlockFile::open(options.device));
    return TRY(open_uboot_boot(std::move(file), options), "open the boot record on {}",
               options.device.string());
}

}  // namespace cutover
