#pragma once

#include <filesystem>
#include <optional>

#include "base/error.h"
#include "base/files.h"
#include "model/package_spec.h"

namespace cutover {

// Gathers the packages that an update pack carries into a folder of their own, which becomes the
// pack's payload, and names them in the manifest with their digests. The folder lives as long as
// what is returned. A member must be signed, but is not verified here: the device does that.
Result<TempFolder> gather_members(PackageSpec& spec, const std::filesystem::path& folder);

}  // namespace cutover
