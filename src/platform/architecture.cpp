#include "platform/architecture.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <sys/utsname.h>
#include <utility>

namespace cutover {

std::string debian_architecture(const std::string& machine) {
    using Row = std::pair<std::string_view, std::string_view>;
    constexpr std::array kRows{Row{"x86_64", "amd64"},   Row{"aarch64", "arm64"},
                               Row{"armv7l", "armhf"},   Row{"armv6l", "armel"},
                               Row{"i686", "i386"},      Row{"ppc64le", "ppc64el"},
                               Row{"mips64", "mips64el"}};
    const auto* const row = std::ranges::find(kRows, machine, &Row::first);
    return row == kRows.end() ? machine : std::string(row->second);
}

std::string this_architecture() {
    utsname names{};
    ::uname(&names);
    return debian_architecture(static_cast<const char*>(names.machine));
}

}  // namespace cutover
