#pragma once

// Writes down what this process does to the files of one folder. The calls of the C library that
// change files are defined anew here, and do what they did before; so whatever is linked to this
// program is recorded, SQLite and the standard library too.

#include <filesystem>
#include <vector>

#include "disk_call.h"

namespace cutover {

// From now on, for what is in `folder` (absolute, and no link). Its files have the numbers 1 and
// up, in the order of their paths.
void start_recording(const std::filesystem::path& folder);
// Everything since start_recording(). Nothing is recorded between two recordings.
std::vector<DiskCall> stop_recording();

}  // namespace cutover
