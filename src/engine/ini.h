#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/operation.h"

namespace cutover {

// One indexed entry of a section: command[i] options[i] source[i] bundle[i] version[i].
struct IniCommand {
    Stage stage = Stage::install;
    int index = 0;
    std::vector<std::string> command;  // split at white space, quotes kept together; no shell
};

// An INI file as the staged workflow of seed document 004 uses it: sections named after stages, `;`
// and `#` begin a comment, values may stand in double quotes. Nothing in a value is evaluated: a
// `$` or a backtick is a character like any other. An unknown section or key, an index without a
// command, and anything over the bounds (64 KiB, 1,000 entries) is refused with its line.
Result<std::vector<IniCommand>> parse_ini(std::string_view text);

}  // namespace cutover
