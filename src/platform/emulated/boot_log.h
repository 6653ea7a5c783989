#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/slot.h"
#include "platform/boot_control.h"

namespace cutover {

// One boot that did not end well, kept so that the engine can tell why a trial failed.
struct BootFailure {
    Slot slot = Slot::b;
    BootReason reason = BootReason::trial;
    std::string text;
    bool operator==(const BootFailure&) const = default;
};

// What the boot loader tells whoever comes up: run/last-boot.json.
struct BootReport {
    Slot booted = Slot::a;
    BootReason reason = BootReason::normal;
    std::string detail;   // "trial 1 of 2", "fallback: trial of slot B exhausted"
    bool up = false;      // its services came up
    std::string boot_id;  // another one after every boot
    // Of this boot and, while a trial is neither confirmed nor ended, of all its earlier ones.
    std::vector<BootFailure> failures;
    bool layers_trial = false;      // shows a trial stack of packages on top of the base
    bool layers_fell_back = false;  // shows less than a trial, or the record, would have it
    bool operator==(const BootReport&) const = default;
};

Result<> write_boot_report(const std::filesystem::path& file, const BootReport& report);
Result<BootReport> read_boot_report(const std::filesystem::path& file);

}  // namespace cutover
