#include "authoring/package_commands.h"

#include <CLI/App.hpp>
#include <CLI/CLI.hpp>  // IWYU pragma: keep

#include "authoring/commands.h"

namespace cutover {

void add_package_commands(CLI::App& app, ChosenCommand& chosen) {
    auto& package = *app.add_subcommand("package", "Build, sign, check and unpack package files");
    package.require_subcommand(1);
    package.footer(
        "cutover package keygen keys\n"
        "cutover package build --spec package.toml --key keys/signer.key --cert "
        "keys/signer.crt\n"
        "cutover package verify nos-1.1.0.cc --trust keys/ca.crt");
    add_keygen_command(package, chosen);
    add_build_command(package, chosen);
    add_sign_command(package, chosen);
    add_show_command(package, chosen);
    add_verify_command(package, chosen);
    add_extract_command(package, chosen);
}

}  // namespace cutover
