#include "device_commands.h"

#include <CLI/App.hpp>
#include <expected>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "cli/exit_code.h"
#include "cli/grammar.h"
#include "cli/session.h"
#include "crypto/trust_store.h"
#include "engine/provision.h"
#include "engine/verified_packages.h"
#include "model/generation.h"
#include "platform/emulated/emulated_device.h"
#include "store/store.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

struct CreateOptions {
    std::string folder;
    std::string base;
    std::vector<std::string> trust;
    std::string name;
};

// A folder stands for the files in it.
std::vector<fs::path> anchor_files(const cli::Session& session,
                                   const std::vector<std::string>& trust) {
    std::vector<fs::path> files;
    for (const auto& each : trust) {
        const auto path = session.context().folder / each;
        std::error_code error;
        if (!fs::is_directory(path, error)) {
            files.push_back(path);
            continue;
        }
        for (const auto& entry : fs::directory_iterator(path, error)) files.push_back(entry.path());
    }
    return files;
}

Result<PackageRef> give_base(const fs::path& folder, const std::string& base, Clock& clock) {
    const auto log = Log::silent();
    const auto device = TRY(EmulatedDevice::open(folder, *log));
    auto store = TRY(Store::open(folder / "device.db"));
    VerifiedPackages packages(TRY(TrustStore::load(folder / device->config().anchors)), clock,
                              {.expired = device->config().expired});
    return provision({.store = store,
                      .boot = device->boot(),
                      .slots = device->slots(),
                      .host = device->host(),
                      .packages = packages,
                      .clock = clock},
                     base, {});
}

Result<cli::ExitCode> create_device(cli::Session& session, const CreateOptions& options) {
    const auto& context = session.context();
    const auto folder = (context.folder / options.folder).lexically_normal();
    const bool is_url = options.base.find("://") != std::string::npos;
    const auto base = is_url ? options.base : (context.folder / options.base).string();
    const auto name = options.name.empty() ? folder.filename().string() : options.name;
    TRY(EmulatedDevice::create(folder,
                               {.name = name, .anchors = anchor_files(session, options.trust)}),
        "create device {}", folder.string());
    const auto created = give_base(folder, base, context.clock);
    if (!created) {
        TRY(remove_tree(folder));  // half a device is none
        return std::unexpected(
            Error(created.error()).within(fmt::format("create device {}", folder.string())));
    }
    session.print(
        [&] {
            return fmt::format(
                R"({{"device":"{}","base":{{"name":"{}","version":"{}","slot":"A"}}}})",
                folder.string(), created->name, created->version.text());
        },
        [&] {
            return fmt::format(
                "Created device {} with base {} {} in slot A.\nSwitch it on with:  "
                "cutoverd --device {}\n",
                folder.string(), created->name, created->version.text(), folder.string());
        });
    return cli::ExitCode::done;
}

}  // namespace

void add_device_commands(CLI::App& root, cli::Actions& actions) {
    auto& device =
        cli::add_command(root, "device", "Make emulated devices",
                         {"cutover device create lab1 --base nos-1.0.0.cc --trust ca.crt"});
    auto& create = cli::add_command(
        device, "create", "Make an emulated device in a folder, with its first base",
        {"cutover device create lab1 --base nos-1.0.0.cc --trust keys/ca.crt",
         "cutoverd --device lab1 &        # switch it on"});
    const auto options = std::make_shared<CreateOptions>();
    create.add_option("DIR", options->folder, "Folder to make; new or empty")->required();
    create.add_option("--base", options->base, "Base package: file or URL")->required();
    create
        .add_option("--trust", options->trust,
                    "CA certificate (PEM) whose signers the device trusts, or a folder of them")
        ->required();
    create.add_option("--name", options->name, "Name of the device (default: the folder's)");
    actions.bind(create,
                 [options](cli::Session& session) { return create_device(session, *options); });
}

}  // namespace cutover
