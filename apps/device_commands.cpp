#include "device_commands.h"

#include <CLI/App.hpp>
#include <cstddef>
#include <expected>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "backends.h"
#include "backends/block/block_slots.h"
#include "backends/machine/machine_host.h"
#include "base/byte_source.h"
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
#include "model/device_config.h"
#include "model/generation.h"
#include "model/manifest.h"
#include "model/slot.h"
#include "platform/device_folder.h"
#include "platform/emulated/emulated_device.h"
#include "platform/emulated/errors.h"
#include "store/store.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxConfigFile = std::size_t{256} * 1024;

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

struct AdoptOptions {
    std::string folder;
    std::string base;
    std::string image;
    std::string config;
    std::vector<std::string> trust;
};

// The store claims slot A by comparing `image`, the partition as it will be on the device.
Result<PackageRef> take_over(const fs::path& folder, const AdoptOptions& options,
                             const cli::Context& context) {
    const auto device = TRY(DeviceFolder::open(folder));
    const auto& config = device.config;
    if (TRY(is_emulated(config)))
        return fail(Errc::invalid, "{} describes an emulated device: use `cutover device create`",
                    options.config);
    auto slots = block_options(folder, config);
    slots.a = context.folder / options.image;
    BlockSlots store_of_slots(slots);
    MachineHost host({.hardware = config.hardware, .architecture = config.architecture});
    auto store = TRY(Store::open(folder / "device.db"));
    VerifiedPackages packages(TRY(TrustStore::load(folder / config.anchors)), context.clock,
                              {.expired = config.expired});
    return adopt({.store = store, .host = host, .packages = packages, .clock = context.clock},
                 (context.folder / options.base).string(),
                 [&](const Manifest& manifest, ByteSource& content) {
                     return store_of_slots.adopt(Slot::a, manifest, content);
                 },
                 {});
}

Result<> lay_out(const fs::path& folder, const AdoptOptions& options, const cli::Session& session) {
    const auto toml = TRY(read_file(session.context().folder / options.config, kMaxConfigFile));
    TRY(parse_device_config(toml), "{}", options.config);
    TRY(make_folders(folder / "trust"));
    for (const auto& anchor : anchor_files(session, options.trust)) {
        const auto text = TRY(read_file(anchor, kMaxConfigFile), "trust {}", anchor.string());
        TRY(write_file_durably(folder / "trust" / anchor.filename(), text, 0644));
    }
    return write_file_durably(folder / "device.toml", toml, 0644);
}

Result<cli::ExitCode> adopt_device(cli::Session& session, const AdoptOptions& options) {
    const auto folder = (session.context().folder / options.folder).lexically_normal();
    std::error_code error;
    if (fs::exists(folder, error) && !fs::is_empty(folder, error))
        return fail(errors::device_exists, "{} is there already and not empty", folder.string());
    auto adopted = [&]() -> Result<PackageRef> {
        TRY(lay_out(folder, options, session));
        return TRY(take_over(folder, options, session.context()));
    }();
    if (!adopted) {
        TRY(remove_tree(folder));  // half a device is none
        return std::unexpected(
            Error(adopted.error()).within(fmt::format("adopt device {}", folder.string())));
    }
    session.print(
        [&] {
            return fmt::format(
                R"({{"device":"{}","base":{{"name":"{}","version":"{}","slot":"A"}}}})",
                folder.string(), adopted->name, adopted->version.text());
        },
        [&] {
            return fmt::format("Adopted {} {} in slot A. Put {} on the data partition.\n",
                               adopted->name, adopted->version.text(), folder.string());
        });
    return cli::ExitCode::done;
}

void add_adopt_command(CLI::App& device, cli::Actions& actions) {
    auto& adopt = cli::add_command(
        device, "adopt",
        "Make the folder of a real device whose slot A was filled by who builds it",
        {"cutover device adopt data/cutover --config device.toml --base nos-1.0.0.cc "
         "--image slot-a.img --trust keys/ca.crt"});
    const auto options = std::make_shared<AdoptOptions>();
    adopt.add_option("DIR", options->folder, "Folder to make; new or empty")->required();
    adopt.add_option("--config", options->config, "The device.toml to take")->required();
    adopt.add_option("--base", options->base, "The base package whose image is in slot A")
        ->required();
    adopt.add_option("--image", options->image, "Slot A: the partition, or a file of its content")
        ->required();
    adopt
        .add_option("--trust", options->trust,
                    "CA certificate (PEM) whose signers the device trusts, or a folder of them")
        ->required();
    actions.bind(adopt,
                 [options](cli::Session& session) { return adopt_device(session, *options); });
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
        cli::add_command(root, "device", "Make devices",
                         {"cutover device create lab1 --base nos-1.0.0.cc --trust ca.crt"});
    auto& create = cli::add_command(
        device, "create", "Make an emulated device in a folder, with its first base",
        {"cutover device create lab1 --base nos-1.0.0.cc --trust keys/ca.crt",
         "cutoverd --device lab1 &        # switch it on"});
    add_adopt_command(device, actions);
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
