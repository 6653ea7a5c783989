#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "model/operation.h"

namespace cutover {

// The append-only status file of seed document 004: a line at each entering and leaving of a stage
// and one at the end. For people and old tools; nothing of ours reads it to decide anything. From
// 1 MiB on, the next workflow begins a new file and the full one is kept with ".1" behind its name.
class StatusFile {
public:
    explicit StatusFile(std::filesystem::path file) : file_(std::move(file)) {}

    Result<> entered(WallTime when, Stage stage) const;
    Result<> left(WallTime when, Stage stage) const;
    // `workflow`: "upgrade", "preview", …; `how`: "upgrade ended successfully".
    Result<> ended(WallTime when, std::string_view workflow, std::string_view how) const;

private:
    Result<> make_room() const;

    std::filesystem::path file_;
};

}  // namespace cutover
