#include "cli/report.h"

#include <chrono>
#include <optional>
#include <ostream>
#include <string>
#include <utility>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/error.h"
#include "cli/errors.h"
#include "cli/exit_code.h"
#include "cli/follow.h"
#include "cli/json.h"
#include "cli/operation_view.h"
#include "cli/render_operation.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "cli/text.h"
#include "model/device.h"
#include "model/operation.h"

namespace cutover::cli {
namespace {

ExitCode exit_code_of(const Operation& operation, OperationState wanted) {
    const bool well =
        operation.state == wanted || operation.state == OperationState::awaiting_commit;
    return well ? ExitCode::done : ExitCode::failed;
}

Error error_of(const Operation& operation) {
    if (operation.error) return *operation.error;
    return make_error(Errc::io, fmt::format("operation {} failed", operation.id));
}

void report(Session& session, const Operation& operation, ExitCode code) {
    if (session.json()) return session.print_line(json::result(operation, code));
    std::optional<DeviceState> now;
    if (const auto device = session.device())
        if (auto state = (*device)->state()) now = *std::move(state);
    for (const auto& warning : operation.warnings)
        session.err() << "warning: " << printable(warning) << '\n';
    if (operation.state == OperationState::failed) {
        session.err() << '\n' << error_text(error_of(operation), session.terminal());
        session.err() << failure_summary(operation, now, code) << std::flush;
        return;
    }
    session.print_text(success_text(operation, now, session.terminal()));
}

}  // namespace

Result<std::chrono::milliseconds> timeout_from(const std::string& text) {
    if (text.empty()) return std::chrono::milliseconds(0);
    const auto duration = parse_duration(text);
    if (!duration || duration->count() <= 0)
        return fail(errors::cli_usage, "--timeout {}: a duration such as 30s, 10m or 2h is needed",
                    text);
    return *duration;
}

Result<ExitCode> follow_and_report(Session& session, const FollowOptions& options,
                                   OperationState wanted) {
    const auto view = make_view(session, options.operation);
    const auto operation = TRY(follow_operation(session, *view, options));
    const auto code = exit_code_of(operation, wanted);
    report(session, operation, code);
    return code;
}

void print_error(std::ostream& stream, const Error& error, bool json, const Terminal& terminal) {
    if (json)
        stream << json::error(error, cli::exit_code_of(error)) << '\n';
    else
        stream << error_text(error, terminal);
    stream << std::flush;
}

}  // namespace cutover::cli
