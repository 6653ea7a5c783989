#include "platform/emulated/device_files.h"

#include <string>
#include <string_view>

#include "platform/emulated/emulated_slots.h"

namespace cutover {
namespace {

constexpr std::string_view kTemplate =
    R"(# A device of cutover. Every key may be left out; what stands behind "#" is its default.
# Paths are relative to this folder. The agent reads this file when it starts.

[device]
name = "@NAME@"
# hardware = ["emulated"]     # hardware ids; the first is its own
# serial = ""
# architecture = ""           # as Debian names it; empty: this machine's

[trust]
# anchors = "trust"           # a folder of CA certificates and revocation lists
# expired = "signed-while-valid"   # or "refuse"

[policy]
# require-preview = false     # an upgrade needs a successful preview of the same plan
# unforceable = []            # checks that --force may not skip
# keep-generations = 10
# operation-timeout = "2h"
# script-timeout = "5m"
# transfer-timeout = "30s"    # without a byte

[trial]
# boots = 2                   # boots that may die before the agent is up
# deadline = "5m"             # for all checks to pass
# settle = "0s"               # after they have passed, they must pass again

# Checks of the device's own, besides those of its packages: http, tcp or exec.
# [[health]]
# name = "ssh answers"
# tcp = "127.0.0.1:22"
# timeout = "2s"
# interval = "500ms"
# retries = 10

[boot]
# backend = "emulated"

[slots]
@SLOTS@

[layers]
# backend = "auto"            # "tree": files, "overlay": mounted; auto: as the base is

[services]
# backend = "emulated"
# start-timeout = "0s"        # the least time that every service is given to become ready

[stages]
# scripts = "stages"          # a folder with one folder a stage
# ini = []

[evidence]
# files = []                  # kept before and after an operation, and compared
# commands = []               # likewise their output: [["ip", "route"]]

[doors.native]
# socket = "cutover.sock"
)";

// A basic string of TOML; control characters were refused before.
std::string escaped(std::string_view text) {
    std::string result;
    for (const char c : text) {
        if (c == '"' || c == '\\') result += '\\';
        result += c;
    }
    return result;
}

}  // namespace

std::string new_device_toml(const std::string& name, SlotFolders slots) {
    std::string text(kTemplate);
    const auto put = [&](std::string_view place, const std::string& value) {
        text.replace(text.find(place), place.size(), value);
    };
    put("@SLOTS@",
        slots == SlotFolders::versioned
            ? R"(backend = "tree"            # versioned folders in releases/, and `current`)"
            : R"(# backend = "emulated"      # or "tree": versioned folders, and `current`)");
    put("@NAME@", escaped(name));
    return text;
}

}  // namespace cutover
