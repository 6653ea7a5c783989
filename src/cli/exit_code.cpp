#include "cli/exit_code.h"

#include <array>
#include <cstddef>
#include <utility>

#include "base/error.h"
#include "cli/errors.h"

namespace cutover::cli {
namespace {

struct Row {
    Errc kind;
    ExitCode code;
};

constexpr std::array kCodes{
    Row{Errc::invalid, ExitCode::refused},     Row{Errc::not_found, ExitCode::refused},
    Row{Errc::conflict, ExitCode::refused},    Row{Errc::refused, ExitCode::refused},
    Row{Errc::untrusted, ExitCode::refused},   Row{Errc::corrupt, ExitCode::failed},
    Row{Errc::no_space, ExitCode::refused},    Row{Errc::io, ExitCode::failed},
    Row{Errc::timeout, ExitCode::unreachable}, Row{Errc::cancelled, ExitCode::failed},
    Row{Errc::unsupported, ExitCode::refused}, Row{Errc::unavailable, ExitCode::unreachable},
};

constexpr bool rows_follow_the_enum() {
    for (std::size_t i = 0; i < kCodes.size(); ++i)
        if (std::to_underlying(kCodes.at(i).kind) != i) return false;
    return kCodes.back().kind == Errc::unavailable;  // the last enumerator
}
static_assert(rows_follow_the_enum());

}  // namespace

ExitCode exit_code_of(const Error& error) {
    if (error.id == errors::cli_usage.id) return ExitCode::usage;
    if (error.id == errors::cli_waiting_ended.id || error.id == errors::cli_stopped.id)
        return ExitCode::waiting_ended;
    return kCodes.at(std::to_underlying(error.kind)).code;
}

}  // namespace cutover::cli
