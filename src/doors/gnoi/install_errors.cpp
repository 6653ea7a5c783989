#include "doors/gnoi/install_errors.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/error.h"
#include "gnoi/os/os.pb.h"
#include "model/operation.h"

namespace cutover::gnoi_door {
namespace {

using Type = ::gnoi::os::InstallError;

struct Row {
    std::string_view id;  // or the beginning of several, with its dot
    ::gnoi::os::InstallError::Type type;
};

// The first that fits counts.
constexpr std::array kRows{
    Row{"plan.running_base", Type::INSTALL_RUN_PACKAGE},
    Row{"operation.busy", Type::INSTALL_IN_PROGRESS},
    Row{"check.health", Type::UNSPECIFIED},
    Row{"check.pending_reboot", Type::UNSPECIFIED},
    Row{"check.unknown_force", Type::UNSPECIFIED},
    Row{"check.", Type::INCOMPATIBLE},
    Row{"plan.", Type::INCOMPATIBLE},
    Row{"slot.wrong_content", Type::INCOMPATIBLE},
    Row{"package.not_a_package", Type::PARSE_FAIL},
    Row{"package.unsigned", Type::INTEGRITY_FAIL},
    Row{"package.member_changed", Type::INTEGRITY_FAIL},
    Row{"package.chunk_damaged", Type::INTEGRITY_FAIL},
    Row{"signature.malformed", Type::PARSE_FAIL},
    Row{"signature.", Type::INTEGRITY_FAIL},
    Row{"trust.", Type::INTEGRITY_FAIL},
    Row{"manifest.", Type::PARSE_FAIL},
    Row{"package.", Type::PARSE_FAIL},
};

bool fits(const Row& row, std::string_view id) {
    return row.id.ends_with('.') ? id.starts_with(row.id) : id == row.id;
}

}  // namespace

::gnoi::os::InstallError::Type install_error_type(const Error& error, Stage stage) {
    if (error.kind == Errc::no_space) return Type::TOO_LARGE;
    // What comes after the checks was readable: it is not what its own digests say.
    const bool written = stage > Stage::prep;
    const bool damaged = error.kind == Errc::untrusted || error.id == "slot.bad_image";
    if (written && damaged) return Type::INTEGRITY_FAIL;
    const auto* const found =
        std::ranges::find_if(kRows, [&](const Row& row) { return fits(row, error.id); });
    return found == kRows.end() ? Type::UNSPECIFIED : found->type;
}

}  // namespace cutover::gnoi_door
