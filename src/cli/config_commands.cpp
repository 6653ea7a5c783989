// config ...: the device's configuration, its candidates and revisions.

#include <CLI/App.hpp>
#include <chrono>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/counted.h"
#include "base/error.h"
#include "base/files.h"
#include "base/utf8.h"
#include "cli/config_json.h"
#include "cli/config_view.h"
#include "cli/errors.h"
#include "cli/exit_code.h"
#include "cli/grammar.h"
#include "cli/session.h"
#include "cli/text.h"
#include "model/configuration.h"
#include "model/configuration_errors.h"
#include "model/device.h"

namespace cutover::cli {
namespace {

struct ConfigOptions {
    std::string session;
    bool startup = false;
    bool candidate = false;
    std::vector<ConfigRevisionId> revisions;
    std::string format;
    std::string path;
    std::string value;
    std::string file;
    bool replace = false;
    int confirm_minutes = 0;
    std::string comment;
    int count = 20;
};
using Options = std::shared_ptr<ConfigOptions>;
using Run = Result<ExitCode> (*)(Session&, Configuration&, const ConfigOptions&);

Result<Configuration*> configuration_of(Session& session) {
    auto* const found = TRY(session.device())->configuration();
    if (found == nullptr) return fail(errors::config_none, "this device has no configuration");
    return found;
}

Result<ConfigFormat> format_from(const std::string& text, ConfigFormat otherwise) {
    if (text.empty()) return otherwise;
    if (text == "json") return ConfigFormat::json;
    if (text == "xml") return ConfigFormat::xml;
    if (text == "tree") return ConfigFormat::tree;
    return fail(errors::cli_usage, "--format {} is not json, xml or tree", text);
}

Result<> check_revisions(const ConfigOptions& options) {
    for (const auto revision : options.revisions)
        if (revision < 1) return fail(errors::cli_usage, "revision {} cannot be", revision);
    return {};
}

ConfigSource candidate_of(const ConfigOptions& options) {
    return {.kind = ConfigSource::Kind::candidate, .session = options.session};
}

ConfigSource revision_of(ConfigRevisionId revision) {
    return {.kind = ConfigSource::Kind::revision, .session = {}, .revision = revision};
}

Result<ConfigSource> source_from(const ConfigOptions& options) {
    TRY(check_revisions(options));
    const bool candidate = options.candidate || !options.session.empty();
    const bool revision = !options.revisions.empty();
    if (static_cast<int>(options.startup) + static_cast<int>(candidate) +
            static_cast<int>(revision) >
        1)
        return fail(errors::cli_usage,
                    "only one of --startup, --candidate (--session) and --revision can be shown");
    if (options.startup) return ConfigSource{.kind = ConfigSource::Kind::startup};
    if (candidate) return candidate_of(options);
    if (revision) return revision_of(options.revisions.front());
    return ConfigSource{};
}

// A byte that is lost on the way would be a change that nobody asked for.
Result<> check_text(std::string_view what, const std::string& text) {
    if (valid_utf8(text) != text) return fail(errors::cli_usage, "{} is not UTF-8", what);
    return {};
}

Result<ExitCode> show(Session& session, Configuration& config, const ConfigOptions& options) {
    const auto source = TRY(source_from(options));
    const auto otherwise = session.json() ? ConfigFormat::json : ConfigFormat::tree;
    const auto format = TRY(format_from(options.format, otherwise));
    const auto document = TRY(config.show(source, options.path, format));
    session.print([&] { return json::config_document(source, options.path, format, document); },
                  [&] { return document_text(document, format); });
    return ExitCode::done;
}

Result<ExitCode> get(Session& session, Configuration& config, const ConfigOptions& options) {
    const auto source = TRY(source_from(options));
    const auto value = TRY(config.value(source, options.path));
    session.print([&] { return json::config_value(source, options.path, value); },
                  [&] { return document_text(value + '\n', ConfigFormat::tree); });
    return ExitCode::done;
}

// Scripts are told nothing but errors; a person, what is still to be done.
Result<ExitCode> edit(Session& session, Configuration& config, const ConfigOptions& options,
                      ConfigEdit edit) {
    std::vector<ConfigEdit> edits;
    edits.push_back(std::move(edit));
    TRY(config.edit(options.session, edits));
    if (session.json())
        session.print_line(json::config_edited(options.session));
    else if (session.terminal().err)
        session.err() << "In the candidate. To make it run: cutover config commit"
                      << (options.session.empty() ? "" : " --session ")
                      << printable(options.session) << '\n'
                      << std::flush;
    return ExitCode::done;
}

Result<ExitCode> set(Session& session, Configuration& config, const ConfigOptions& options) {
    TRY(check_text("the value", options.value));
    return edit(session, config, options,
                {.kind = ConfigEdit::Kind::set, .path = options.path, .value = options.value});
}

Result<ExitCode> erase(Session& session, Configuration& config, const ConfigOptions& options) {
    return edit(session, config, options,
                {.kind = ConfigEdit::Kind::erase, .path = options.path, .value = {}});
}

Result<std::string> document_from(const Session& session, const std::string& file) {
    if (file != "-") return read_file(session.context().folder / file, kMaxConfigBytes);
    std::string text;
    for (std::istreambuf_iterator<char> next(session.context().in), end; next != end; ++next) {
        if (text.size() == kMaxConfigBytes)
            return fail(errors::cli_usage, "standard input has more than {}",
                        human_size(kMaxConfigBytes));
        text += *next;
    }
    return text;
}

// By how it begins: an XML document with an element, a JSON one with an object.
ConfigFormat guessed(const std::string& document) {
    const auto begin = document.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
    return begin != std::string::npos && document[begin] == '<' ? ConfigFormat::xml
                                                                : ConfigFormat::json;
}

Result<ExitCode> load(Session& session, Configuration& config, const ConfigOptions& options) {
    auto document = TRY(document_from(session, options.file), "load {}", options.file);
    TRY(check_text(options.file, document));
    const auto format = TRY(format_from(options.format, guessed(document)));
    if (format == ConfigFormat::tree)
        return fail(errors::cli_usage, "--format tree is only for people: load JSON or XML");
    return edit(session, config, options,
                {.kind = options.replace ? ConfigEdit::Kind::replace : ConfigEdit::Kind::merge,
                 .path = {},
                 .value = std::move(document),
                 .format = format});
}

Result<ExitCode> diff(Session& session, Configuration& config, const ConfigOptions& options) {
    TRY(check_revisions(options));
    const bool revisions = !options.revisions.empty();
    if (static_cast<int>(options.startup) + static_cast<int>(!options.session.empty()) +
            static_cast<int>(revisions) >
        1)
        return fail(errors::cli_usage, "only one of --startup, --revision and --session compares");
    ConfigSource from;
    ConfigSource to = candidate_of(options);
    if (options.startup || revisions) to = {};
    if (options.startup) from.kind = ConfigSource::Kind::startup;
    if (revisions) from = revision_of(options.revisions.front());
    if (options.revisions.size() > 1) to = revision_of(options.revisions.back());
    const auto changes = TRY(config.changes(from, to));
    session.print([&] { return json::config_changes(from, to, changes); },
                  [&] { return changes_text(changes, session.terminal()); });
    return ExitCode::done;
}

// The commit is made, whatever becomes of the telling.
Result<ExitCode> report(Session& session, Configuration& config, CommitView commit) {
    if (!commit.confirmed && commit.ran_before != 0) {
        auto changes =
            config.changes(revision_of(commit.ran_before), revision_of(commit.revision.id));
        if (changes)
            commit.changes = *std::move(changes);
        else
            session.err() << "note: what it changes cannot be listed: "
                          << printable(changes.error().text()) << '\n'
                          << std::flush;
    }
    if (auto status = config.status()) commit.status = *std::move(status);
    session.print(
        [&] { return json::config_commit(commit); },
        [&] { return commit_text(commit, session.context().clock.wall(), session.terminal()); });
    return ExitCode::done;
}

Result<ExitCode> commit(Session& session, Configuration& config, const ConfigOptions& options) {
    constexpr int kLongestTrial = 30 * 24 * 60;
    if (options.confirm_minutes < 0 || options.confirm_minutes > kLongestTrial)
        return fail(errors::cli_usage, "--confirm {} is not between 1 and {} minutes",
                    options.confirm_minutes, kLongestTrial);
    TRY(check_text("the comment", options.comment));
    ConfigCommit wanted{.session = options.session, .by = {}, .comment = options.comment};
    if (options.confirm_minutes > 0) wanted.confirm = std::chrono::minutes(options.confirm_minutes);
    const auto before = TRY(config.status());
    CommitView view;
    view.revision = TRY(config.commit(wanted));
    view.ran_before = view.revision.made_from;
    view.confirmed = before.trial && before.trial->revision == view.revision.id;
    return report(session, config, std::move(view));
}

Result<ExitCode> rollback(Session& session, Configuration& config, const ConfigOptions& options) {
    TRY(check_revisions(options));
    const auto before = TRY(config.status());
    CommitView view;
    view.revision =
        TRY(config.rollback(options.revisions.empty() ? 0 : options.revisions.front(), {}));
    view.ran_before = view.revision.id > before.running ? view.revision.made_from : before.running;
    return report(session, config, std::move(view));
}

// Where nobody can answer nothing is compared either: that takes a while for a large configuration.
Result<> ask_to_discard(Session& session, Configuration& config, const ConfigOptions& options) {
    const auto& terminal = session.terminal();
    if (session.yes() || session.json() || !terminal.in || !terminal.err) return {};
    const auto changes = config.changes({}, candidate_of(options));
    if (changes && changes->empty()) return {};
    const auto what = changes ? counted(changes->size(), "uncommitted change") : "the candidate";
    if (session.confirm(fmt::format("Discard {}?", what))) return {};
    return fail(errors::cli_declined, "nothing was discarded");
}

Result<ExitCode> discard(Session& session, Configuration& config, const ConfigOptions& options) {
    TRY(ask_to_discard(session, config, options));
    TRY(config.discard(options.session));
    if (session.json()) session.print_line(json::config_edited(options.session));
    return ExitCode::done;
}

Result<ExitCode> save(Session& session, Configuration& config, const ConfigOptions& /*options*/) {
    TRY(config.save({}));
    const auto status = TRY(config.status());
    session.print([&] { return json::config_status(status); },
                  [&] { return fmt::format("A boot begins with revision {}.\n", status.startup); });
    return ExitCode::done;
}

Result<ExitCode> history(Session& session, Configuration& config, const ConfigOptions& options) {
    if (options.count < 1) return fail(errors::cli_usage, "--count {} is too small", options.count);
    const auto revisions = TRY(config.history(options.count));
    const auto status = TRY(config.status());
    session.print([&] { return json::config_history(revisions, status); },
                  [&] { return config_history_text(revisions, status, session.terminal()); });
    return ExitCode::done;
}

Result<ExitCode> status(Session& session, Configuration& config, const ConfigOptions& /*options*/) {
    const auto status = TRY(config.status());
    session.print([&] { return json::config_status(status); },
                  [&] {
                      return config_status_text(status, session.context().clock.wall(),
                                                session.terminal());
                  });
    return ExitCode::done;
}

CLI::App& add(CLI::App& config, Actions& actions, std::string_view name, std::string_view purpose,
              std::initializer_list<std::string_view> examples, Run run, const Options& options) {
    auto& command = add_command(config, name, purpose, examples);
    actions.bind(command, [run, options](Session& session) -> Result<ExitCode> {
        auto* const found = TRY(configuration_of(session));
        return run(session, *found, *options);
    });
    return command;
}

void add_session_option(CLI::App& command, ConfigOptions& options, std::string_view purpose) {
    command.add_option("--session", options.session, std::string(purpose))->type_name("NAME");
}

void add_source_options(CLI::App& command, ConfigOptions& options) {
    command.add_flag("--startup", options.startup, "What a boot begins with");
    command.add_flag("--candidate", options.candidate, "What you have changed, not committed yet");
    command.add_option("--revision", options.revisions, "As `cutover config history` lists them")
        ->type_name("N")
        ->expected(1);
    add_session_option(command, options, "The candidate of this session");
}

void add_looks(CLI::App& config, Actions& actions) {
    auto options = std::make_shared<ConfigOptions>();
    auto* command = &add(config, actions, "show", "The running configuration, or another one.",
                         {"cutover config show", "cutover config show /ietf-system:system",
                          "cutover config show --candidate --format json",
                          "cutover config show --revision 3 --format xml"},
                         show, options);
    command->add_option("PATH", options->path, "Only what is there and below")->type_name("");
    command->add_option("--format", options->format, "How it is written (tree)")
        ->type_name("json|xml|tree");
    add_source_options(*command, *options);

    options = std::make_shared<ConfigOptions>();
    command = &add(config, actions, "get", "The value of one leaf; a default where none is set.",
                   {"cutover config get /ietf-system:system/hostname",
                    "cutover config get /ietf-system:system/hostname --startup"},
                   get, options);
    command->add_option("PATH", options->path, "Where it is")->required()->type_name("");
    add_source_options(*command, *options);

    options = std::make_shared<ConfigOptions>();
    command = &add(config, actions, "diff",
                   "What the candidate changes; or how other configurations differ.",
                   {"cutover config diff", "cutover config diff --startup",
                    "cutover config diff --revision 3", "cutover config diff --revision 3 5"},
                   diff, options);
    command->add_flag("--startup", options->startup,
                      "From what a boot begins with to what runs: what save would save");
    command->add_option("--revision", options->revisions, "From revision A to B, or to what runs")
        ->type_name("A [B]")
        ->expected(1, 2);
    add_session_option(*command, *options, "The candidate of this session");

    options = std::make_shared<ConfigOptions>();
    command =
        &add(config, actions, "history", "The revisions that were committed, newest first.",
             {"cutover config history", "cutover config history --count 3"}, history, options);
    command->add_option("--count", options->count, "How many, at most (20)")->type_name("N");

    add(config, actions, "status", "What runs, what is saved, what is on trial, who is changing.",
        {"cutover config status", "cutover config status --json"}, status,
        std::make_shared<ConfigOptions>());
}

constexpr std::string_view kWhose = "Whose candidate (yours): a name that several may share";

void add_edits(CLI::App& config, Actions& actions) {
    auto options = std::make_shared<ConfigOptions>();
    auto* command = &add(config, actions, "set",
                         "Set a leaf in the candidate, or make a container or list entry.",
                         {"cutover config set /ietf-system:system/hostname core-1",
                          "cutover config set /ietf-system:system/contact -- -nobody-"},
                         set, options);
    command->add_option("PATH", options->path, "Where; what is above it is made too")
        ->required()
        ->type_name("");
    command
        ->add_option("VALUE", options->value,
                     "Of the leaf; after -- when it begins with a - and no digit")
        ->type_name("");
    add_session_option(*command, *options, kWhose);

    options = std::make_shared<ConfigOptions>();
    command = &add(config, actions, "delete", "Take what is at a path out of the candidate.",
                   {"cutover config delete /ietf-system:system/contact"}, erase, options);
    command->add_option("PATH", options->path, "What goes, with all below it")
        ->required()
        ->type_name("");
    add_session_option(*command, *options, kWhose);

    options = std::make_shared<ConfigOptions>();
    command = &add(config, actions, "load", "Take a document into the candidate.",
                   {"cutover config load peers.json", "cutover config load all.xml --replace",
                    "cutover config load - --format json"},
                   load, options);
    command->add_option("FILE", options->file, "JSON or XML; - is standard input")
        ->required()
        ->type_name("");
    command->add_flag("--replace", options->replace,
                      "The document becomes everything; else it is merged into what there is");
    command->add_option("--format", options->format, "How it is written (as it begins)")
        ->type_name("json|xml");
    add_session_option(*command, *options, kWhose);

    options = std::make_shared<ConfigOptions>();
    command = &add(config, actions, "discard", "Forget what the candidate has changed.",
                   {"cutover config discard", "cutover config discard --yes"}, discard, options);
    add_session_option(*command, *options, kWhose);
}

void add_commits(CLI::App& config, Actions& actions) {
    auto options = std::make_shared<ConfigOptions>();
    auto* command =
        &add(config, actions, "commit",
             "Make the candidate what runs, all or nothing; or confirm a commit on trial.",
             {"cutover config commit", "cutover config commit --confirm 10",
              "cutover config commit --comment peers"},
             commit, options);
    command
        ->add_option("--confirm", options->confirm_minutes,
                     "Undo it by itself after so long, unless `commit` is typed again")
        ->type_name("MINUTES");
    command->add_option("--comment", options->comment, "For the history")->type_name("TEXT");
    add_session_option(*command, *options, kWhose);

    add(config, actions, "save", "Make what runs what boots begin with.", {"cutover config save"},
        save, std::make_shared<ConfigOptions>());

    options = std::make_shared<ConfigOptions>();
    command = &add(config, actions, "rollback",
                   "Commit an older revision again: the one before, or the one given.",
                   {"cutover config rollback", "cutover config rollback 3"}, rollback, options);
    command
        ->add_option("N", options->revisions,
                     "As `cutover config history` lists them; without it also ends a trial")
        ->type_name("")
        ->expected(0, 1);
}

}  // namespace

void add_config_commands(CLI::App& root, Actions& actions) {
    auto& config = add_command(
        root, "config", "The configuration: change a candidate, commit, save, go back.",
        {"cutover config show", "cutover config set /ietf-system:system/hostname core-1",
         "cutover config diff", "cutover config commit --confirm 10", "cutover config commit",
         "cutover config save"});
    config.group("Change");
    config.require_subcommand(1);
    add_looks(config, actions);
    for (auto* look : config.get_subcommands([](CLI::App* /*each*/) { return true; }))
        look->group("Look");
    add_edits(config, actions);
    add_commits(config, actions);
}

}  // namespace cutover::cli
