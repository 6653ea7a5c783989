#pragma once

#include <string>
#include <vector>

namespace CLI {  // NOLINT(readability-identifier-naming): the library's own name
class App;
class Option;
}  // namespace CLI

// The grammar as texts: all made by walking the tree of commands.
namespace cutover::cli {

// Commands and options with an empty group are hidden.
std::vector<const CLI::App*> visible_commands(const CLI::App& command);
std::vector<const CLI::Option*> visible_options(const CLI::App& command);  // no positionals

std::string full_name(const CLI::App& command);       // "cutover show version"
std::string usage_line(const CLI::App& command);      // "cutover upgrade [OPTIONS] FILE|URL..."
std::string option_names(const CLI::Option& option);  // "--mode in-service|next-startup"

std::string help_text(const CLI::App& command);
std::string man_page(const CLI::App& command);  // in roff, for section 1
std::string bash_completion(const CLI::App& root);

}  // namespace cutover::cli
