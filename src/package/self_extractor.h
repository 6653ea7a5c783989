#pragma once

#include <string_view>

namespace cutover {

// What may stand before a package, and nothing else: one block of shell script that hands the whole
// file to the installed `cutover`, which verifies it like any other. It takes part in no digest, so
// a reader accepts exactly these bytes and steps over them.
std::string_view self_extractor();

}  // namespace cutover
