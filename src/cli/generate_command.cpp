#include <CLI/App.hpp>
#include <filesystem>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/files.h"
#include "cli/exit_code.h"
#include "cli/grammar.h"
#include "cli/help.h"
#include "cli/session.h"

namespace cutover::cli {
namespace {

Result<> write_pages(const CLI::App& command, const std::filesystem::path& folder) {
    auto name = full_name(command);
    for (auto& letter : name)
        if (letter == ' ') letter = '-';
    TRY(write_file_durably(folder / (name + ".1"), man_page(command), 0644));
    for (const auto* sub : visible_commands(command)) TRY(write_pages(*sub, folder));
    return {};
}

}  // namespace

void add_generate_command(CLI::App& root, Actions& actions) {
    auto& generate = add_command(root, "generate", "Man pages and shell completion, for packagers.",
                                 {"cutover generate man man1", "cutover generate completion"});
    generate.group("");
    generate.require_subcommand(1);
    auto& man = add_command(generate, "man", "Write the man pages into a folder.",
                            {"cutover generate man man1"});
    const auto folder = std::make_shared<std::string>();
    man.add_option("DIR", *folder, "Where to")->required()->type_name("");
    actions.bind(man, [folder, &root](Session& session) -> Result<ExitCode> {
        const auto path = session.context().folder / *folder;
        TRY(make_folders(path));
        TRY(write_pages(root, path));
        return ExitCode::done;
    });
    auto& completion = add_command(generate, "completion", "Print the completion for bash.",
                                   {"cutover generate completion > cutover.bash"});
    actions.bind(completion, [&root](Session& session) -> Result<ExitCode> {
        session.print_text(bash_completion(root));
        return ExitCode::done;
    });
}

}  // namespace cutover::cli
