#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "backends/boot_record/loader_record.h"
#include "base/block_file.h"
#include "base/error.h"
#include "model/slot.h"
#include "platform/boot_control.h"
#include "platform/kernel_command_line.h"

namespace cutover {

// BootControl over two copies of a LoaderRecord at fixed places.
//
// Every change is one write over the older copy: power that fails during it leaves the newer copy,
// the state before. Then, unless it already does, the other copy is made to say "the committed
// slot, no trial" under the serial before, so that at rest
//   - the newer copy holds the state,
//   - the older one starts the committed slot and nothing else.
// A copy that rots away later can therefore lose a trial, but never the committed slot, and never
// bring back a trial that was ended. The loader writes only into the newer copy, and only while a
// trial has tries left.
//
// open() makes a damaged copy anew, so every start of an agent heals the record; so does every
// later call.
class RecordBoot final : public BootControl {
public:
    struct Place {
        std::unique_ptr<BlockFile> file;
        std::array<std::uint64_t, 2> offsets{};
    };
    static std::unique_ptr<RecordBoot> open(Place place, std::unique_ptr<RecordFormat> format,
                                            BootedAs booted);

    Result<BootStatus> status() const override;
    Result<> start_trial(Slot slot, int tries) override;
    Result<> end_trial() override;
    Result<> confirm(Slot slot) override;

private:
    using Copies = std::array<std::optional<LoaderRecord>, 2>;
    struct Newest {
        std::size_t copy = 0;
        LoaderRecord record;
    };

    RecordBoot(Place place, std::unique_ptr<RecordFormat> format, BootedAs booted);

    Copies read_copies() const;
    std::optional<Newest> newest(const Copies& copies) const;
    LoaderRecord record() const;
    LoaderRecord backup_of(const LoaderRecord& record) const;
    Result<> write_copy(std::size_t copy, const LoaderRecord& record);
    Result<> change_to(LoaderRecord next);
    void heal();

    Place place_;
    std::unique_ptr<RecordFormat> format_;
    BootedAs booted_;
    mutable std::mutex mutex_;  // doors read while the engine writes
};

}  // namespace cutover
