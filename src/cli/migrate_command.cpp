// migrate: instances go from one major version of a package to another.

#include <CLI/App.hpp>
#include <algorithm>
#include <cstddef>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <ostream>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/counted.h"
#include "base/error.h"
#include "base/utf8.h"
#include "cli/errors.h"
#include "cli/exit_code.h"
#include "cli/grammar.h"
#include "cli/report.h"
#include "cli/session.h"
#include "cli/text.h"
#include "model/configuration.h"
#include "model/configuration_errors.h"
#include "model/device.h"

namespace cutover::cli {
namespace {

using Json = nlohmann::ordered_json;
using State = MigratedInstance::State;

struct MigrateOptions {
    ConfigMigrate wanted;
    bool all = false;
    bool report = false;
};

struct Outcome {
    ConfigMigrated report;
    std::optional<Error> error = {};  // why the rest was not tried, when no instance has failed
};

std::string_view name_of(State state) {
    switch (state) {
        case State::moved: return "moved";
        case State::failed: return "failed";
        case State::untouched: return "untouched";
    }
    return "";
}

Json json_of(const std::optional<Error>& error) {
    if (!error) return {};
    return {{"kind", to_string(error->kind)},
            {"id", error->id},
            {"message", error->message},
            {"cause", error->cause},
            {"remedy", error->remedy}};
}

Json json_of(const MigratedInstance& instance) {
    Json json{{"path", instance.path},
              {"state", name_of(instance.state)},
              {"revision", instance.revision == 0 ? Json() : Json(instance.revision)}};
    const auto named = [](const std::string& text) { return text.empty() ? Json() : Json(text); };
    auto& changes = json["changes"] = Json::array();
    for (const auto& change : instance.changes)
        changes.push_back({{"path_before", named(change.path_before)},
                           {"path_after", named(change.path_after)},
                           {"before", change.before},
                           {"after", change.after}});
    auto& lost = json["lost"] = Json::array();
    for (const auto& loss : instance.lost)
        lost.push_back({{"path", loss.path}, {"value", loss.value}, {"why", loss.why}});
    json["untold"] = instance.untold;
    json["error"] = json_of(instance.error);
    return json;
}

std::string json_text(const Outcome& outcome) {
    const auto& asked = outcome.report.asked;
    Json json{{"from", asked.from}, {"to", asked.to}, {"dry_run", asked.dry_run}};
    auto& instances = json["instances"] = Json::array();
    for (const auto& instance : outcome.report.instances) instances.push_back(json_of(instance));
    json["error"] = json_of(outcome.error);
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// What is in the instance by its path from there.
std::string inside(const std::string& path, const std::string& instance) {
    return printable(path.starts_with(instance + "/") ? path.substr(instance.size() + 1) : path);
}

std::string change_line(const ConfigMove& change, const std::string& instance) {
    const auto value = [](const std::string& text) {
        return text.empty() ? std::string() : ": " + printable(text);
    };
    const auto before = inside(change.path_before, instance);
    const auto after = inside(change.path_after, instance);
    if (before.empty()) return fmt::format("+ {}{}", after, value(change.after));
    if (after.empty()) return fmt::format("- {}{}", before, value(change.before));
    const auto from = printable(change.before);
    const auto to = printable(change.after);
    if (before == after) return fmt::format("~ {}: {} -> {}", before, from, to);
    return fmt::format("> {} -> {}{}", before, after,
                       from == to ? value(change.after) : fmt::format(": {} -> {}", from, to));
}

// Paths are as long as they are.
std::string text_of(const MigratedInstance& instance, bool dry_run, bool report,
                    std::string_view untouched) {
    auto text = "  " + printable(instance.path);
    if (instance.revision != 0) text += fmt::format("  revision {}", instance.revision);
    if (instance.state == State::failed)
        text += dry_run ? "  would fail" : "  failed, is as it was";
    if (instance.state == State::untouched) text += untouched;
    text += '\n';
    if (report)
        for (const auto& change : instance.changes)
            text += "    " + change_line(change, instance.path) + '\n';
    if (report || instance.state == State::failed)
        for (const auto& loss : instance.lost)
            text += fmt::format("    ! {}{}{} {} lost: {}\n", inside(loss.path, instance.path),
                                loss.value.empty() ? "" : ": ", printable(loss.value),
                                instance.revision == 0 ? "would be" : "is", printable(loss.why));
    if (report && instance.untold != 0) text += fmt::format("    and {} more\n", instance.untold);
    return text;
}

std::string text_of(const Outcome& outcome, bool report) {
    const auto& asked = outcome.report.asked;
    const auto& instances = outcome.report.instances;
    if (instances.empty()) return fmt::format("Nothing is bound to {}.\n", printable(asked.from));
    const auto moved = static_cast<std::size_t>(
        std::ranges::count(instances, State::moved, &MigratedInstance::state));
    const bool all = moved == instances.size();
    auto text =
        fmt::format("{} {}{} from {} to {}:\n", asked.dry_run ? "Would move" : "Moved",
                    all ? "" : fmt::format("{} of ", moved), counted(instances.size(), "instance"),
                    printable(asked.from), printable(asked.to));
    const bool unknown = outcome.error && exit_code_of(*outcome.error) == ExitCode::unreachable;
    const auto* const untouched =
        unknown ? "  not known to have moved" : "  not tried, is as it was";
    for (const auto& instance : instances)
        text += text_of(instance, asked.dry_run, report, untouched);
    if (asked.dry_run && instances.size() == kMaxMigrated)
        text += "There may be more: a dry run looks at no more than these.\n";
    if (asked.dry_run) return text + "A dry run: nothing was changed.\n";
    if (moved != 0) text += "To keep it over a boot: cutover config save\n";
    return text;
}

Result<> check(const MigrateOptions& options) {
    const auto& wanted = options.wanted;
    if (options.all == !wanted.instances.empty())
        return fail(errors::cli_usage, "name instances with --instance, or move --all of them");
    for (const auto& path : wanted.instances)
        if (path.empty() || valid_utf8(path) != path)
            return fail(errors::cli_usage, "'{}' is no path", printable(path));
    return {};
}

bool is_told_of(const MigratedInstance& instance) {
    return instance.state == State::failed || instance.error;
}

// Call after call, each of which moves some, until all have moved, one fails, or Ctrl-C.
Result<Outcome> migrate_all(Session& session, Configuration& config, ConfigMigrate wanted) {
    const bool every = wanted.instances.empty() && !wanted.dry_run;
    std::stop_source stop;
    std::shared_ptr<void> interrupts;
    if (const auto& watch = session.context().watch_interrupts; watch && !wanted.dry_run)
        interrupts = watch(stop);
    Outcome outcome{.report = TRY(config.migrate(wanted))};
    auto& instances = outcome.report.instances;
    for (std::ptrdiff_t before = 0;;) {
        const auto rest = std::ranges::find(instances, State::untouched, &MigratedInstance::state);
        const auto moved = rest - instances.begin();
        // As many as one call takes: there may be more.
        const bool full =
            every && moved != before && static_cast<std::size_t>(moved) % kMaxMigrated == 0;
        if (rest == instances.end() && !full) return outcome;
        if (std::any_of(instances.begin() + before, rest, is_told_of)) return outcome;
        const auto told =
            fmt::format("{} of {} moved", moved, counted(instances.size(), "instance"));
        if (stop.stop_requested() || moved == before) {
            outcome.error = make_error(errors::cli_stopped, told);
            return outcome;
        }
        if (!session.json()) session.err() << fmt::format("  {}\n", told) << std::flush;
        before = moved;
        wanted.instances.clear();
        for (auto one = rest; one != instances.end(); ++one) wanted.instances.push_back(one->path);
        auto more = config.migrate(wanted);
        if (!more) {
            outcome.error = std::move(more.error());
            return outcome;
        }
        instances.erase(rest, instances.end());
        std::ranges::move(more->instances, std::back_inserter(instances));
    }
}

Result<ExitCode> migrate(Session& session, const MigrateOptions& options) {
    TRY(check(options));
    auto* const config = TRY(session.device())->configuration();
    if (config == nullptr) return fail(errors::config_none, "this device has no configuration");
    const auto outcome = TRY(migrate_all(session, *config, options.wanted));
    session.print([&] { return json_text(outcome); },
                  [&] { return text_of(outcome, options.report); });
    const auto& instances = outcome.report.instances;
    const auto failed = std::ranges::find_if(instances, is_told_of);
    const auto error =
        failed == instances.end() ? outcome.error : std::optional(failed->error.value_or(Error{}));
    if (!error) return ExitCode::done;
    if (!session.json()) print_error(session.err(), *error, false, session.terminal());
    const bool changed = instances.front().state == State::moved && !options.wanted.dry_run;
    const auto code = exit_code_of(*error);
    return changed && code == ExitCode::refused ? ExitCode::failed : code;
}

}  // namespace

void add_migrate_command(CLI::App& root, Actions& actions) {
    auto& command = add_command(
        root, "migrate", "Move instances to another major version of a package, side by side.",
        {"cutover migrate --from router@1 --to router@2 --all --dry-run --report",
         "cutover migrate --from router@1 --to router@2 "
         "--instance \"/dev:devices/device[name='r1']\"",
         "cutover migrate --from router@1 --to router@2 --all"});
    command.group("Change");
    const auto options = std::make_shared<MigrateOptions>();
    auto& wanted = options->wanted;
    command.add_option("--from", wanted.from, "The package that they are bound to")
        ->required()
        ->type_name("NAME@MAJOR");
    command.add_option("--to", wanted.to, "The one that takes them, installed beside it")
        ->required()
        ->type_name("NAME@MAJOR");
    command.add_option("--instance", wanted.instances, "List entries that are bound to --from")
        ->type_name("PATH...");
    command.add_flag("--all", options->all, "All that are bound to --from");
    command.add_flag("--dry-run", wanted.dry_run, "Do all but the commits");
    command.add_flag("--report", options->report, "Tell each path that changes, before and after");
    command.add_flag("--force", wanted.lose,
                     "Also where data have no place in --to: they are lost");
    actions.bind(command, [options](Session& session) { return migrate(session, *options); });
}

}  // namespace cutover::cli
