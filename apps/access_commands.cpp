#include "access_commands.h"

#include <CLI/App.hpp>
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "access/audit_files.h"
#include "access/audit_line.h"
#include "access/audit_log.h"
#include "access/caller.h"
#include "access/errors.h"
#include "access/identities.h"
#include "access/users.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/nearest_name.h"
#include "cli/errors.h"
#include "cli/exit_code.h"
#include "cli/grammar.h"
#include "cli/session.h"
#include "cli/table.h"
#include "cli/text.h"
#include "crypto/password_hash.h"
#include "model/security_config.h"
#include "password_prompt.h"
#include "platform/errors.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;
using cli::ExitCode;
using cli::Session;
using Json = nlohmann::ordered_json;

Result<fs::path> device_folder(const Session& session) {
    const auto& folder = session.address().folder;
    if (folder.empty())
        return fail(errors::cli_usage, "name the device's folder: --device DIR or CUTOVER_DEVICE");
    std::error_code error;
    if (!fs::exists(folder / "device.toml", error))
        return fail(errors::device_not_found, "{} holds no device", folder.string());
    return folder;
}

Result<Role> role_named(const std::string& name) {
    if (const auto role = parse_role(name)) return *role;
    constexpr std::array<std::string_view, 3> kRoles{"viewer", "operator", "admin"};
    const auto meant = nearest_name(name, kRoles);
    auto error =
        make_error(errors::access_bad_user,
                   fmt::format("there is no role '{}'{}", cli::printable(name),
                               meant.empty() ? "" : fmt::format("; did you mean '{}'?", meant)));
    return std::unexpected(std::move(error).with_remedy("Take viewer, operator or admin."));
}

// What is done here goes into the account like what others ask by the doors.
Result<> record(const Session& session, const fs::path& folder, std::string_view command,
                const Result<>& done, const std::string& what) {
    const auto log = TRY(Log::open({.level = LogLevel::error}));
    const Presented presented{.from = "unix", .local_user = ::getuid()};
    const auto caller = identify_local(presented, {});
    AuditLog audit(folder, *log, session.context().clock);
    audit.append({.time = to_iso8601(session.context().clock.wall()),
                  .who = caller ? caller->name : fmt::format("uid {}", ::getuid()),
                  .proof = "local",
                  .from = "unix",
                  .role = "admin",
                  .method = fmt::format("cutover user {}", command),
                  .result = done ? "ok" : done.error().id,
                  .detail = what});
    return {};
}

struct UserOptions {
    std::string name;
    std::string role;
};

Result<ExitCode> say(const Session& session, const User& user, std::string_view what) {
    session.print(
        [&] {
            return Json{{"user", {{"name", user.name}, {"role", role_name(user.role)}}}}.dump();
        },
        [&] { return fmt::format("{} user {}, {}.\n", what, user.name, role_name(user.role)); });
    return ExitCode::done;
}

Result<User> new_user(const Session& session, const UserOptions& options) {
    const auto role = TRY(role_named(options.role));
    if (!is_user_name(options.name))
        return fail(errors::access_bad_user, "'{}' cannot be a user's name",
                    cli::printable(options.name));
    const auto password = TRY(new_password(session));
    const auto hash = TRY(PasswordHash::make(password));
    return User{.name = options.name,
                .role = role,
                .password = hash,
                .changed = to_iso8601(session.context().clock.wall())};
}

Result<User*> find_user(std::vector<User>& users, const std::string& name) {
    const auto found = std::ranges::find(users, name, &User::name);
    if (found != users.end()) return &*found;
    std::vector<std::string_view> names;
    names.reserve(users.size());
    for (const auto& user : users) names.emplace_back(user.name);
    const auto meant = nearest_name(name, names);
    return fail(errors::access_no_such_user, "there is no user '{}'{}", cli::printable(name),
                meant.empty() ? "" : fmt::format("; did you mean '{}'?", meant));
}

Result<ExitCode> add_user(Session& session, const UserOptions& options) {
    const auto folder = TRY(device_folder(session));
    auto known = TRY(load_users(folder));  // before a password is asked for
    if (std::ranges::find(known, options.name, &User::name) != known.end())
        return fail(errors::access_user_exists, "there is a user '{}'", options.name);
    const auto user = TRY(new_user(session, options));
    const auto done = change_users(folder, [&](std::vector<User>& users) -> Result<> {
        if (std::ranges::find(users, user.name, &User::name) != users.end())
            return fail(errors::access_user_exists, "there is a user '{}'", user.name);
        if (users.size() >= kMaxUsers)
            return fail(errors::access_bad_user, "there are {} users already", kMaxUsers);
        users.push_back(user);
        return {};
    });
    TRY(record(session, folder, "add", done,
               fmt::format("{}, {}", user.name, role_name(user.role))));
    TRY(done);
    return say(session, user, "Added");
}

Result<ExitCode> set_password(Session& session, const UserOptions& options) {
    const auto folder = TRY(device_folder(session));
    auto known = TRY(load_users(folder));
    auto user = *TRY(find_user(known, options.name));
    const auto password = TRY(new_password(session));
    user.password = TRY(PasswordHash::make(password));
    user.changed = to_iso8601(session.context().clock.wall());
    const auto done = change_users(folder, [&](std::vector<User>& users) -> Result<> {
        auto* const kept = TRY(find_user(users, user.name));
        user.role = kept->role;
        *kept = user;
        return {};
    });
    TRY(record(session, folder, "password", done, user.name));
    TRY(done);
    return say(session, user, "New password of");
}

Result<ExitCode> remove_user(Session& session, const UserOptions& options) {
    const auto folder = TRY(device_folder(session));
    auto known = TRY(load_users(folder));
    const auto user = *TRY(find_user(known, options.name));
    const auto done = change_users(folder, [&](std::vector<User>& users) -> Result<> {
        static_cast<void>(TRY(find_user(users, user.name)));
        std::erase_if(users, [&](const User& each) { return each.name == user.name; });
        return {};
    });
    TRY(record(session, folder, "remove", done, user.name));
    TRY(done);
    return say(session, user, "Removed");
}

Result<ExitCode> list_users(Session& session) {
    const auto folder = TRY(device_folder(session));
    const auto users = TRY(load_users(folder));
    auto list = Json::array();
    cli::Table table({"user", "role", "password set"});
    for (const auto& user : users) {
        list.push_back(
            {{"name", user.name}, {"role", role_name(user.role)}, {"changed", user.changed}});
        table.add({user.name, std::string(role_name(user.role)), user.changed});
    }
    session.print([&] { return Json{{"users", list}}.dump(); },
                  [&] {
                      return users.empty() ? "There is no user: `cutover user add` makes one.\n"
                                           : table.text(session.terminal().width);
                  });
    return ExitCode::done;
}

void add_user_command(CLI::App& user, cli::Actions& actions, std::string_view name,
                      std::string_view purpose, std::string_view example,
                      Result<ExitCode> (*action)(Session&, const UserOptions&)) {
    auto& command = cli::add_command(user, name, purpose, {example});
    const auto options = std::make_shared<UserOptions>();
    command.add_option("NAME", options->name, "Name of the user")->required();
    if (name == "add")
        command.add_option("--role", options->role, "viewer, operator or admin")
            ->required()
            ->type_name("ROLE");
    actions.bind(command,
                 [options, action](Session& session) { return action(session, *options); });
}

void add_user_commands(CLI::App& root, cli::Actions& actions) {
    auto& user = cli::add_command(root, "user", "Who may come in by a password.",
                                  {"cutover user add alice --role operator", "cutover user list"});
    add_user_command(user, actions, "add",
                     "Add a user; the password is asked for, or one line of standard input.",
                     "cutover user add alice --role operator", add_user);
    auto& list =
        cli::add_command(user, "list", "The users and their roles.", {"cutover user list"});
    actions.bind(list, list_users);
    add_user_command(user, actions, "remove", "Remove a user, who is refused from then on.",
                     "cutover user remove alice", remove_user);
    add_user_command(user, actions, "password",
                     "Set a user's password anew; the old one is refused from then on.",
                     "cutover user password alice", set_password);
}

std::string who_of(const AuditEntry& entry) {
    const auto who = entry.who.empty() ? std::string("nobody") : entry.who;
    const auto with_role = entry.role.empty() ? who : fmt::format("{}, {}", who, entry.role);
    return fmt::format("{} ({})", with_role, entry.proof);
}

// Two lines each: who it was, and what came of it. Of a call whose end is there, that tells all.
std::string audit_text(const std::vector<ShownAuditLine>& lines) {
    std::set<std::uint64_t> ended;
    for (const auto& line : lines)
        if (line.parsed) ended.insert(line.parsed->entry.begun);
    std::string text;
    for (const auto& line : lines) {
        if (line.parsed && ended.contains(line.parsed->seq)) continue;
        if (!line.parsed) {
            text += fmt::format("{:>5}  not as it was written\n", "?");
            continue;
        }
        const auto& entry = line.parsed->entry;
        const auto call = entry.method.starts_with('/') ? entry.method.substr(1) : entry.method;
        const auto what = entry.detail.empty()
                              ? fmt::format("{}: {}", call, entry.result)
                              : fmt::format("{}: {}: {}", call, entry.result, entry.detail);
        text +=
            fmt::format("{:>5}  {}  {}\n{:>7}{}\n", line.parsed->seq, cli::printable(entry.time),
                        cli::printable(fmt::format("{} from {}", who_of(entry), entry.from)), "",
                        cli::printable(what));
    }
    return text;
}

Json audit_json(const ShownAuditLine& line) {
    if (!line.parsed) return {{"broken", cli::printable(line.text)}};
    const auto& entry = line.parsed->entry;
    Json shown{{"line", line.parsed->seq}, {"time", entry.time},     {"who", entry.who},
               {"proof", entry.proof},     {"from", entry.from},     {"role", entry.role},
               {"method", entry.method},   {"result", entry.result}, {"detail", entry.detail}};
    if (entry.begun != 0) shown["begun"] = entry.begun;
    return shown;
}

Result<ExitCode> show_audit(Session& session, int count) {
    if (count < 1) return fail(errors::cli_usage, "-n {} is too small", count);
    const auto folder = TRY(device_folder(session));
    const auto lines = TRY(last_audit_lines(folder, static_cast<std::size_t>(count)));
    session.print(
        [&] {
            auto list = Json::array();
            for (const auto& line : lines) list.push_back(audit_json(line));
            return Json{{"lines", list}}.dump();
        },
        [&] { return lines.empty() ? "Nothing is written down yet.\n" : audit_text(lines); });
    return ExitCode::done;
}

Result<ExitCode> verify_audit(Session& session) {
    const auto folder = TRY(device_folder(session));
    const auto report = TRY(verify_audit_log(folder));
    if (const auto& problem = report.problem) {
        if (problem->line == 0)
            return fail(errors::access_audit_broken, "{}: {}", problem->file, problem->what);
        return fail(errors::access_audit_broken, "{} line {}: {}", problem->file, problem->line,
                    problem->what);
    }
    session.print(
        [&] {
            return Json{{"whole", true},
                        {"lines", report.lines},
                        {"first", report.first},
                        {"last", report.last},
                        {"since", report.since}}
                .dump();
        },
        [&] {
            if (report.lines == 0) return std::string("Nothing is written down yet.\n");
            return fmt::format("The audit log is whole: lines {} to {}, since {}.\n", report.first,
                               report.last, report.since);
        });
    return ExitCode::done;
}

void add_audit_commands(CLI::App& root, cli::Actions& actions) {
    auto& audit = cli::add_command(root, "audit", "The account of who asked for what.",
                                   {"cutover audit show", "cutover audit verify"});
    auto& show = cli::add_command(audit, "show", "The last lines of the account, oldest first.",
                                  {"cutover audit show", "cutover audit show -n 100 --json"});
    const auto count = std::make_shared<int>(20);
    show.add_option("-n,--count", *count, "How many, at most (20)")->type_name("N");
    actions.bind(show, [count](Session& session) { return show_audit(session, *count); });
    auto& verify = cli::add_command(audit, "verify",
                                    "Whether the account is as it was written, to the last line.",
                                    {"cutover audit verify && echo whole"});
    actions.bind(verify, verify_audit);
}

}  // namespace

void add_access_commands(CLI::App& root, cli::Actions& actions) {
    add_user_commands(root, actions);
    add_audit_commands(root, actions);
}

}  // namespace cutover
