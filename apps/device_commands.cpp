#include "device_commands.h"

#include <CLI/App.hpp>
#include <cstddef>
#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "backends.h"
#include "backends/block/block_slots.h"
#include "backends/machine/machine_host.h"
#include "backup/backup_file.h"
#include "backup/backup_folder.h"
#include "backup/backup_manifest.h"
#include "backup/put_back.h"
#include "base/byte_source.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "cli/errors.h"
#include "cli/exit_code.h"
#include "cli/grammar.h"
#include "cli/session.h"
#include "cli/text.h"
#include "crypto/trust_store.h"
#include "device_configuration.h"
#include "engine/errors.h"
#include "engine/provision.h"
#include "engine/verified_packages.h"
#include "model/backups.h"
#include "model/device_config.h"
#include "model/errors.h"
#include "model/generation.h"
#include "model/manifest.h"
#include "model/slot.h"
#include "package/file_source.h"
#include "platform/device_folder.h"
#include "platform/emulated/emulated_device.h"
#include "platform/emulated/emulated_slots.h"
#include "platform/emulated/errors.h"
#include "platform/layers.h"
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
    std::string backup;
    std::string slots;  // "tree", or empty
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

// What is done to a device in a folder before it is ever switched on.
using Provide = std::function<Result<>(const NewDevice& made, LayerStore& layers)>;
Result<> on_new_device(const fs::path& folder, Clock& clock, const Provide& provide) {
    const auto log = Log::silent();
    const auto device = TRY(EmulatedDevice::open(folder, *log));
    auto store = TRY(Store::open(folder / "device.db"));
    VerifiedPackages packages(TRY(TrustStore::load(folder / device->config().anchors)), clock,
                              {.expired = device->config().expired});
    const auto configuration = TRY(open_configuration(folder, device->host().data(), clock, *log));
    return provide({.store = store,
                    .boot = device->boot(),
                    .slots = device->slots(),
                    .host = device->host(),
                    .packages = packages,
                    .clock = clock,
                    .configuration = configuration.carried.get()},
                   device->layers());
}

Result<PackageRef> give_base(const fs::path& folder, const std::string& base, Clock& clock) {
    PackageRef given;
    TRY(on_new_device(folder, clock,
                      [&](const NewDevice& made, LayerStore& /*layers*/) -> Result<> {
                          given = TRY(provision(made, base, {}));
                          return {};
                      }));
    return given;
}

// The packages that ran on top of the backup's base, as far as it holds them: each is verified by
// its own signature, and its file kept for the next backup.
Result<> give_packages(const fs::path& folder, const Backup& backup, Clock& clock) {
    TRY(make_folders(folder / kPackageFiles));
    std::vector<std::string> files;
    for (const auto& package : backup.packages) {
        if (!holds(backup, package)) continue;
        const auto file = folder / kPackageFiles / package.digest;
        TRY(rename_durably(folder / "tmp" / "backup" / backup_member_of(package), file));
        files.push_back(file.string());
    }
    if (files.empty()) return {};
    return on_new_device(folder, clock, [&](const NewDevice& made, LayerStore& layers) {
        return provide_packages(made, layers, files, backup.update_level);
    });
}

// What the backup says is found out before anything is made.
Result<Backup> look_at_backup(const fs::path& file) {
    auto source = TRY(FileSource::open(file));
    std::string settings;
    auto backup = TRY(read_backup(source,
                                  [&](const BackupMember& member, auto piece) -> Result<> {
                                      const auto* const bytes =
                                          reinterpret_cast<const char*>(piece.data());
                                      if (member.name == "device.toml")
                                          settings.append(bytes, piece.size());
                                      return {};
                                  }),
                      "{}", file.string());
    const auto config = TRY(parse_device_config(settings), "device.toml of {}", file.string());
    if (!TRY(is_emulated(config)))
        return fail(errors::check_backup_hardware, "the backup is of {}, which is not emulated",
                    backup.device);
    return backup;
}

// Settings, trust, users and the startup configuration, before the base is put in: its signer must
// be trusted by then.
Result<> take_files(const fs::path& folder, const fs::path& backup) {
    TRY(make_folders(folder / "tmp"));
    TRY(unpack_backup(backup, folder / "tmp" / "backup"));
    TRY(put_back(folder / "tmp" / "backup",
                 {.device = folder,
                  .trust = folder / "trust",
                  .startup_config = folder / "data" / "startup-config"}));
    return {};
}

Result<> take_configuration(const fs::path& folder, const Backup& backup, const PackageRef& base,
                            const Clock& clock) {
    if (base.name != backup.base.name || base.version != backup.base.version)
        return fail(errors::plan_backup_base, "the backup is of {} {}, and {} {} was given",
                    backup.base.name, backup.base.version.text(), base.name, base.version.text());
    auto store = TRY(Store::open(folder / "device.db"));
    TRY(store.attach_backup(folder / "tmp" / "backup" / kBackupDatabase));
    TRY(store.transact([&]() -> Result<> {
        TRY(store.restore_configuration());
        TRY(store.add_event(
            {.time = clock.wall(), .type = "backup.restored", .text = backup.name}));
        return {};
    }));
    store.detach_backup();
    return remove_tree(folder / "tmp" / "backup");
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
    const auto log = Log::silent();
    const auto configuration = TRY(open_configuration(folder, host.data(), context.clock, *log));
    return adopt({.store = store,
                  .host = host,
                  .packages = packages,
                  .clock = context.clock,
                  .configuration = configuration.carried.get()},
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

std::string missing_packages(const Backup& backup) {
    std::string names;
    for (const auto& package : backup.packages)
        if (!holds(backup, package))
            names += fmt::format("{}{} {}", names.empty() ? "" : ", ", package.name,
                                 package.version.text());
    if (names.empty()) return {};
    return fmt::format(" (but for {}, which the backup does not hold: install again)",
                       cli::printable(names));
}

Result<cli::ExitCode> create_device(cli::Session& session, const CreateOptions& options) {
    const auto& context = session.context();
    const auto folder = (context.folder / options.folder).lexically_normal();
    const bool is_url = options.base.find("://") != std::string::npos;
    const auto base = is_url ? options.base : (context.folder / options.base).string();
    const auto name = options.name.empty() ? folder.filename().string() : options.name;
    const auto file = context.folder / options.backup;
    std::optional<Backup> backup;
    if (!options.backup.empty()) backup = TRY(look_at_backup(file));
    if (!backup && options.trust.empty())
        return fail(errors::cli_usage, "--trust is needed, or --from-backup");
    if (!options.slots.empty() && options.slots != "tree" && options.slots != "emulated")
        return fail(errors::cli_usage, "--slots is \"tree\" or \"emulated\", not '{}'",
                    cli::printable(options.slots));
    TRY(EmulatedDevice::create(folder, {.name = name,
                                        .anchors = anchor_files(session, options.trust),
                                        .slots = options.slots == "tree" ? SlotFolders::versioned
                                                                         : SlotFolders::lettered}),
        "create device {}", folder.string());
    const auto created = [&]() -> Result<PackageRef> {
        if (backup) TRY(take_files(folder, file));
        auto given = TRY(give_base(folder, base, context.clock));
        if (backup) TRY(give_packages(folder, *backup, context.clock));
        if (backup) TRY(take_configuration(folder, *backup, given, context.clock));
        return given;
    }();
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
                "Created device {} with base {} {} in slot A{}.\nSwitch it on with:  "
                "cutoverd --device {}\n",
                folder.string(), created->name, created->version.text(),
                backup ? fmt::format(", set as {} was{}", cli::printable(backup->device),
                                     missing_packages(*backup))
                       : "",
                folder.string());
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
         "cutover device create lab2 --base nos-1.0.0.cc --from-backup lab1.backup",
         "cutover device create app1 --base app-1.0.0.cc --trust ca.crt --slots tree",
         "cutoverd --device lab1 &        # switch it on"});
    add_adopt_command(device, actions);
    const auto options = std::make_shared<CreateOptions>();
    create.add_option("DIR", options->folder, "Folder to make; new or empty")->required();
    create.add_option("--base", options->base, "Base package: file or URL")->required();
    auto* const trust = create.add_option(
        "--trust", options->trust,
        "CA certificate (PEM) whose signers the device trusts, or a folder of them");
    auto* const name =
        create.add_option("--name", options->name, "Name of the device (default: the folder's)");
    create
        .add_option("--from-backup", options->backup,
                    "Name, settings, trust, users and configuration of this backup's device")
        ->excludes(trust)
        ->excludes(name)
        ->type_name("FILE");
    create
        .add_option("--slots", options->slots,
                    "\"tree\": versioned folders in releases/, and a link `current` to what runs "
                    "(of a backup's device: as it was)")
        ->excludes("--from-backup")
        ->type_name("KIND");
    actions.bind(create,
                 [options](cli::Session& session) { return create_device(session, *options); });
}

}  // namespace cutover
