#pragma once

#include <filesystem>
#include <set>
#include <string>

#include "base/error.h"

namespace cutover {

// What services, probes and scripts run in:
//
//     run/current   a link to the root of the view that is shown, replaced by one rename(2)
//     run/root/     a folder with a link <entry> -> ../current/<entry> for each entry of the view.
//                   It is a working directory that stays while views change: a path relative to it
//                   leads, each time it is opened, into the view of that moment.
//
// Not durable: it is made anew at each boot.
class ViewSwitch {
public:
    explicit ViewSwitch(std::filesystem::path run) : run_(std::move(run)) {}

    Result<> reset();                                  // nothing is shown
    Result<> show(const std::filesystem::path& view);  // repeatable
    std::filesystem::path current() const { return run_ / "current"; }
    std::filesystem::path root() const { return run_ / "root"; }

private:
    std::filesystem::path run_;
};

}  // namespace cutover
