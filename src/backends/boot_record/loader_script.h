#pragma once

// The boot scripts of integration/grub and integration/uboot once more, for tests without a
// machine. tests/machines/test_boot_loaders.py holds the real ones against this.

#include <array>
#include <cstddef>
#include <memory>
#include <optional>

#include "backends/boot_record/loader_record.h"
#include "base/block_file.h"
#include "model/slot.h"
#include "platform/boot_control.h"
#include "platform/kernel_command_line.h"

namespace cutover {

// What differs between loaders: how a copy is read and written.
class LoaderScript {
public:
    virtual ~LoaderScript() = default;
    // The copy as the script sees it; nothing when the script does not believe it.
    virtual std::optional<LoaderRecord> load(const BlockFile& disk, std::size_t copy) const = 0;
    virtual bool newer(const LoaderRecord& a, const LoaderRecord& b) const = 0;
    // Writes the tries left into a copy. The loader's writes are durable when it goes on.
    virtual void count(BlockFile& disk, std::size_t copy, int left) const = 0;
};

using Loadable = std::array<bool, 2>;  // whether the kernel of slot A, slot B can be loaded

// What the script starts; nothing when no kernel can be loaded.
inline std::optional<BootedAs> play(const LoaderScript& script, BlockFile& disk,
                                    const Loadable& loadable = {true, true}) {
    const auto starts = [&](Slot slot) { return loadable.at(slot == Slot::a ? 0 : 1); };
    const auto first = script.load(disk, 0);
    const auto second = script.load(disk, 1);
    const bool takes_second = second && (!first || script.newer(*second, *first));
    const auto& believed = takes_second ? second : first;
    if (!believed) {
        for (const auto slot : {Slot::a, Slot::b})
            if (starts(slot)) return BootedAs{.slot = slot, .reason = BootReason::rescue};
        return std::nullopt;
    }
    const std::size_t copy = takes_second ? 1 : 0;
    const auto& record = *believed;
    auto reason = BootReason::normal;
    if (record.trial) {
        reason = BootReason::fallback;
        if (record.tries_left > 0) {
            script.count(disk, copy, record.tries_left - 1);
            const auto written = script.load(disk, copy);
            const bool counted = written && written->tries_left == record.tries_left - 1;
            if (counted && starts(*record.trial))
                return BootedAs{.slot = *record.trial, .reason = BootReason::trial};
            script.count(disk, copy, 0);
        }
    }
    if (starts(record.committed)) return BootedAs{.slot = record.committed, .reason = reason};
    if (starts(other(record.committed)))
        return BootedAs{.slot = other(record.committed), .reason = BootReason::rescue};
    return std::nullopt;
}

}  // namespace cutover
