#pragma once

#include <cstdint>
#include <filesystem>

#include "base/error.h"

// What is done with a device's database as a whole, through a connection of its own: the agent may
// have it open, and write to it.
namespace cutover {

// A copy of it as it is at one instant, durable, in a file that is new.
Result<> copy_database(const std::filesystem::path& database, const std::filesystem::path& to);

struct DatabaseSizes {
    std::uint64_t before = 0;
    std::uint64_t after = 0;
};
// Gives back the space of what was deleted. It needs as much space as is left afterwards. Writers
// wait for it.
Result<DatabaseSizes> compact_database(const std::filesystem::path& database);

}  // namespace cutover
