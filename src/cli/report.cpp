#include "cli/report.h"

#include <chrono>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

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
#include "cli/state_view.h"
#include "cli/terminal.h"
#include "cli/text.h"
#include "model/device.h"
#include "model/operation.h"

namespace cutover::cli {
namespace {

ExitCode exit_code_of(const Operation& operation, OperationState wanted) {
    if (operation.state == wanted || operation.state == OperationState::awaiting_commit)
        return ExitCode::done;
    return operation.state == OperationState::refused ? ExitCode::refused : ExitCode::failed;
}

Error error_of(const Operation& operation) {
    if (operation.error) return *operation.error;
    return make_error(Errc::io, fmt::format("operation {} failed", operation.id));
}

void report(Session& session, const Operation& operation, ExitCode code,
            const DeviceState* before) {
    const bool reloads = before != nullptr && operation.request.kind == OperationKind::reload &&
                         operation.state != OperationState::refused;
    std::optional<DeviceState> now;
    if (const auto device = session.device(); device && (reloads || !session.json()))
        if (auto state = (*device)->state()) now = *std::move(state);
    const bool tells = reloads && now;
    const auto packages =
        tells ? reload_results(*before, *now, operation) : std::vector<PackageResult>();
    if (session.json())
        return session.print_line(tells ? json::result(operation, code, packages)
                                        : json::result(operation, code));
    session.print_text(packages_text(packages, session.terminal()));
    for (const auto& note : operation.notes) session.err() << "note: " << printable(note) << '\n';
    for (const auto& warning : operation.warnings)
        session.err() << "warning: " << printable(warning) << '\n';
    if (operation.state == OperationState::refused) {
        session.err() << error_text(error_of(operation), session.terminal()) << std::flush;
        return;
    }
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

ExitCode report_end(Session& session, const Operation& operation, OperationState wanted,
                    const DeviceState* before) {
    const auto code = exit_code_of(operation, wanted);
    report(session, operation, code, before);
    return code;
}

Result<ExitCode> follow_and_report(Session& session, const FollowOptions& options,
                                   OperationState wanted, const DeviceState* before) {
    const auto view = make_view(session, options.operation);
    return report_end(session, TRY(follow_operation(session, *view, options)), wanted, before);
}

void print_error(std::ostream& stream, const Error& error, bool json, const Terminal& terminal) {
    if (json)
        stream << json::error(error, cli::exit_code_of(error)) << '\n';
    else
        stream << error_text(error, terminal);
    stream << std::flush;
}

}  // namespace cutover::cli
