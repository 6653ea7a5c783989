#pragma once

#include <filesystem>
#include <mutex>

#include "base/error.h"
#include "model/slot.h"
#include "platform/boot_control.h"
#include "platform/emulated/boot_record.h"

namespace cutover {

// The boot record in a folder: `record.0` and `record.1`, see BootRecord.
//
// A write replaces the older copy, never both, in place and with fsync. In place, because that is
// what a boot loader does with two sectors of flash: the file's length and blocks do not change, so
// a cut can only tear the one copy that was the older anyway, which the checksum then tells, and
// the other is still whole. A rename would add work and protect nothing more.
class EmulatedBoot final : public BootControl {
public:
    explicit EmulatedBoot(std::filesystem::path folder) : folder_(std::move(folder)) {}

    Result<BootStatus> status() const override;
    Result<> start_trial(Slot slot, int tries) override;
    Result<> end_trial() override;
    Result<> confirm(Slot slot) override;

    // The side of the boot loader. read() fails with boot.record_damaged when no copy is whole.
    Result<BootRecord> read() const;
    Result<> write(BootRecord record);  // under the next sequence number

private:
    struct Copies;
    Copies read_copies() const;
    Result<BootRecord> newest() const;
    Result<> write_next(BootRecord record);

    std::filesystem::path folder_;
    mutable std::mutex mutex_;  // doors read while the engine writes
};

}  // namespace cutover
