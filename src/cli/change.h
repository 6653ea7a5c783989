#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cli/exit_code.h"
#include "cli/grammar.h"
#include "cli/session.h"
#include "model/generation.h"
#include "model/operation.h"
#include "model/package_kind.h"

// What the commands that start an operation share.
namespace cutover::cli {

struct ChangeOptions {
    OperationKind kind = OperationKind::install;
    std::vector<std::string> words;  // before the packages: "patch", "load"; empty: the kind's name
    std::vector<std::string> sources;   // as they were typed: files, URLs, packages at hand
    std::vector<std::string> packages;  // names
    bool with_dependents = false;
    std::optional<PackageKind> only_kind;
    bool only_names = false;  // what was typed is never a file
    std::string mode;
    int trial_minutes = 0;
    std::string force;  // names with commas between
    std::string plan;
    GenerationId generation = 0;
    bool factory = false;  // of a reset: yes, that is meant
    bool keep_access = false;
    bool factory_base = false;
    bool preview = false;
    bool check = false;  // a preview that only says yes or no
    bool no_wait = false;
    std::string timeout;
    std::string max_wait;        // for configuration work that is open
    std::string timeout_action;  // "kill" or "fail"
    bool wait_commit_queue_empty = false;
};

// Starts the operation, follows it and tells how it ended; or only previews it.
Result<ExitCode> change(Session& session, const ChangeOptions& options);

Result<ExitCode> cancel(Session& session, OperationId operation, const ChangeOptions& options);

// A command of the group "Change" that starts an operation of this kind.
CLI::App& add_change(CLI::App& parent, Actions& actions, std::string_view name, OperationKind kind,
                     std::string_view purpose, std::initializer_list<std::string_view> examples,
                     const std::shared_ptr<ChangeOptions>& options);

void add_wait_options(CLI::App& command, ChangeOptions& options);
void add_plan_options(CLI::App& command, ChangeOptions& options);
// Of what changes the base or YANG modules.
void add_config_work_options(CLI::App& command, ChangeOptions& options);
void add_mode_option(CLI::App& command, ChangeOptions& options);
void add_trial_option(CLI::App& command, ChangeOptions& options);

}  // namespace cutover::cli
