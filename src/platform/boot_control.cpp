#include "platform/boot_control.h"

#include <string_view>
#include <utility>

namespace cutover {

std::string_view to_string(BootReason reason) {
    switch (reason) {
        case BootReason::normal: return "normal";
        case BootReason::trial: return "trial";
        case BootReason::fallback: return "fallback";
        case BootReason::rescue: return "rescue";
    }
    std::unreachable();
}

}  // namespace cutover
