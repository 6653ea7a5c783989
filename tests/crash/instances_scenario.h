#pragma once

#include <filesystem>

#include "base/error.h"
#include "scenario.h"

namespace cutover {

// What package.toml of the base says whose list has instances, and of the two packages that they
// are bound to.
inline constexpr auto kInstancesConfig = "[config]\nmodules = [\"dev.yang\"]\n";
inline constexpr auto kRouter =
    "[instances]\npath = \"/dev:devices/device\"\nbound-by = \"driver\"\n";

Result<> write_instances_files(const std::filesystem::path& folder);

// Instances move from one major version of a package to the other. Wherever it is cut, each is
// wholly old or wholly new, and the rest moves when it is asked for again.
Scenario instances_scenario(const Workshop& workshop);

}  // namespace cutover
