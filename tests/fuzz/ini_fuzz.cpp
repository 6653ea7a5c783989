// INI files of the stages are written by people and old tools; whatever they hold, the parser
// answers with commands that can be run or an error that says what is wrong.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "engine/ini.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto commands = cutover::parse_ini(text);
    CUTOVER_CHECK(commands || !commands.error().message.empty());
    if (!commands) return 0;
    for (const auto& entry : *commands) CUTOVER_CHECK(!entry.command.empty() && entry.index >= 0);
    return 0;
}
