#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace cutover {

// Whether a device that was cut and has recovered is as DESIGN promises: it boots, runs exactly one
// of `may_run`, its committed base can be booted, no slot claims what it does not hold, no
// operation is open, and the user's settings are there, or none is after a factory reset. What is
// not so is on standard error. `rates`: what the user may have set, where the base has it; none:
// something else.
bool is_sound(const std::filesystem::path& device, const std::vector<std::string>& may_run,
              const std::vector<std::string>& rates = {"1000"});

// Whether an upgrade to `package` (version `version`) succeeds on it.
bool takes_upgrade(const std::filesystem::path& device, const std::string& package,
                   const std::string& version);

}  // namespace cutover
