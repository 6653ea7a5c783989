#include "scenario.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "authoring/pack_members.h"
#include "backup/backup_folder.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "config/config_store.h"
#include "crypto/signing_key.h"
#include "crypto/trust_store.h"
#include "engine/provision.h"
#include "engine/verified_packages.h"
#include "ingredients.h"
#include "instances_scenario.h"
#include "life.h"
#include "model/config_files.h"
#include "model/configuration.h"
#include "model/operation.h"
#include "model/package_spec.h"
#include "model/slot.h"
#include "package/package_builder.h"
#include "package/package_signer.h"
#include "platform/device_folder.h"
#include "platform/emulated/emulated_device.h"
#include "store/database.h"
#include "store/store.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

struct Release {
    std::string version;
    bool healthy = true;
    bool boots = true;
    std::string leaf = {};    // what its YANG module calls the rate of a port; empty: it has none
    std::string config = {};  // of package.toml
};

const std::vector<Release> kReleases{{.version = "1.0.0"},
                                     {.version = "1.1.0"},
                                     {.version = "1.2.0", .healthy = false},
                                     {.version = "1.2.1", .boots = false},
                                     {.version = "1.3.0"},
                                     {.version = "1.4.0", .leaf = "rate"},
                                     {.version = "1.5.0", .leaf = "speed"},
                                     {.version = "1.6.0", .config = kInstancesConfig}};

// The module of the newer one, and how data comes there from the older.
Result<std::string> write_module(const fs::path& folder, const Release& release) {
    if (release.leaf.empty()) return release.config;
    const bool newer = release.leaf == "speed";
    const auto module = fmt::format(
        "module net {{ namespace \"urn:net\"; prefix n; revision {};\n"
        "  container net {{ leaf {} {{ type uint32; }} }}\n}}\n",
        newer ? "2026-01-01" : "2025-01-01", release.leaf);
    TRY(make_folders(folder / release.version));
    TRY(write_file_durably(folder / release.version / "net.yang", module, 0644));
    auto lines = fmt::format("[config]\nmodules = [\"{}/net.yang\"]\n", release.version);
    if (!newer) return lines;
    const auto migrations = folder / "migrations" / "net";
    TRY(make_folders(migrations));
    TRY(write_file_durably(migrations / "2025-01-01-to-2026-01-01.json",
                           R"({"module": "net", "from": "2025-01-01", "to": "2026-01-01",
 "steps": [{"rename": "/net:net/rate", "to": "speed"}]})",
                           0644));
    return lines + "migrations = \"migrations\"\n";
}

Result<> write_script(const fs::path& file, const std::string& content) {
    TRY(make_folders(file.parent_path()));
    return write_file_durably(file, content, 0755);
}

Result<> build_release(const fs::path& folder, const Release& release, const SigningKey& key,
                       WallTime now) {
    const auto root = folder / ("root-" + release.version);
    TRY(make_folders(root / "etc"));
    TRY(write_file_durably(root / "version", release.version, 0644));
    TRY(write_file_durably(root / "etc/nos.conf", kFactorySetting, 0644));
    TRY(write_script(root / "bin/check",
                     fmt::format("#!/bin/sh\nexit {}\n", release.healthy ? 0 : 1)));
    TRY(write_script(root / "bin/boot",
                     fmt::format("#!/bin/sh\nexit {}\n", release.boots ? 0 : 1)));
    const auto config = TRY(write_module(folder, release));
    const auto spec = TRY(parse_package_spec(fmt::format(
        R"([package]
kind = "base"
name = "nos"
version = "{}"
epoch = 1
[payload]
type = "tree"
path = "root-{}"
[[service]]
name = "boot"
command = ["bin/boot"]
ready = "ended"
restart = "never"
[[health]]
name = "check"
exec = ["bin/check"]
interval = "1ms"
retries = 1
[persist]
paths = ["etc/nos.conf"]
{})",
        release.version, release.version, config)));
    const auto file = folder / fmt::format("nos-{}.cc", release.version);
    TRY(build_package(
        {.spec = spec, .folder = folder, .output = file, .created = now, .level = 1}));
    return sign_package(file, file, key, now);
}

struct OnTop {
    std::string kind;
    std::string name;
    std::string version;
    bool healthy = true;
    std::string needs;        // of package.toml
    std::string beside = {};  // what its files are called, when it may be there beside another
    std::string says = {};    // of package.toml, of the package
};

const std::vector<OnTop> kOnTop{
    {.kind = "feature", .name = "web", .version = "1.0"},
    {.kind = "feature", .name = "web", .version = "1.1"},
    {.kind = "feature", .name = "web", .version = "1.2", .healthy = false},
    {.kind = "patch", .name = "fix", .version = "1"},
    {.kind = "feature", .name = "more", .version = "1", .needs = "[requires]\nweb = \">=1.0\"\n"},
    {.kind = "feature",
     .name = "router",
     .version = "1.0",
     .needs = kRouter,
     .beside = "router-1",
     .says = "side-by-side = true\n"},
    {.kind = "feature",
     .name = "router",
     .version = "2.0",
     .needs = std::string(kRouter) + "[config]\nmigrations = \"moves\"\n",
     .beside = "router-2",
     .says = "side-by-side = true\n"}};

Result<> build_on_top(const fs::path& folder, const OnTop& package, const SigningKey& key,
                      WallTime now) {
    const auto named = fmt::format("{}-{}", package.name, package.version);
    const auto root = folder / named;
    const auto own = package.beside.empty() ? package.name : package.beside;
    TRY(make_folders(root / "share"));
    TRY(write_file_durably(root / "share" / own, package.version, 0644));
    TRY(write_script(root / "bin" / ("start-" + own), "#!/bin/sh\nexit 0\n"));
    TRY(write_script(root / "bin" / ("check-" + own),
                     fmt::format("#!/bin/sh\nexit {}\n", package.healthy ? 0 : 1)));
    const auto spec = TRY(parse_package_spec(fmt::format(
        R"([package]
kind = "{0}"
name = "{1}"
version = "{2}"
{5}[payload]
type = "tree"
path = "{1}-{2}"
{3}[[service]]
name = "{4}"
command = ["bin/start-{4}"]
ready = "ended"
restart = "never"
[[health]]
name = "{4} is well"
exec = ["bin/check-{4}"]
interval = "1ms"
retries = 1
)",
        package.kind, package.name, package.version, package.needs, own, package.says)));
    const auto file = folder / (named + ".package");
    TRY(build_package(
        {.spec = spec, .folder = folder, .output = file, .created = now, .level = 1}));
    return sign_package(file, file, key, now);
}

// One update of both: the feature's next version and the patch.
Result<> build_pack(const fs::path& folder, const SigningKey& key, WallTime now) {
    auto spec = TRY(parse_package_spec(R"([package]
kind = "pack"
name = "updates"
version = "1"
[compatible]
base = ">=1.0 <2.0"
[pack]
level = 1
members = ["web-1.1.package", "fix-1.package"]
)"));
    const auto members = TRY(gather_members(spec, folder));
    const auto file = folder / "updates-1.package";
    TRY(build_package(
        {.spec = spec, .folder = folder, .output = file, .created = now, .level = 1}));
    return sign_package(file, file, key, now);
}

Result<std::unique_ptr<ConfigStore>> open_configuration(const fs::path& device,
                                                        EmulatedDevice& emulated, Clock& clock,
                                                        Log& log) {
    return ConfigStore::open({.database = device / "device.db",
                              .rendered = emulated.host().data() / kRendered,
                              .scripts = device / "tmp",
                              .clock = clock,
                              .log = log});
}

// What the user has set, and saved.
Result<> configure(const fs::path& device) {
    const auto log = Log::silent();
    const auto emulated = TRY(EmulatedDevice::open(device, *log));
    SystemClock clock;
    const auto store = TRY(open_configuration(device, *emulated, clock, *log));
    const auto base = TRY(emulated->slots().manifest(Slot::a));
    TRY(store->use(config_files_of({&base}), "preparation"));
    TRY(store->edit("user",
                    {{.kind = ConfigEdit::Kind::set, .path = "/net:net/rate", .value = "1000"}}));
    static_cast<void>(TRY(store->commit({.session = "user", .by = "user", .comment = ""})));
    return store->save("user");
}

Result<> provision_device(const fs::path& device, const std::string& base) {
    const auto log = Log::silent();
    const auto emulated = TRY(EmulatedDevice::open(device, *log));
    auto store = TRY(Store::open(device / "device.db"));
    SystemClock clock;
    VerifiedPackages packages(TRY(TrustStore::load(device / "trust")), clock, {});
    const auto configuration = TRY(open_configuration(device, *emulated, clock, *log));
    TRY(provision({.store = store,
                   .boot = emulated->boot(),
                   .slots = emulated->slots(),
                   .host = emulated->host(),
                   .packages = packages,
                   .clock = clock,
                   .configuration = configuration.get()},
                  base, {}));
    return {};
}

}  // namespace

Result<Workshop> Workshop::open(const fs::path& folder) {
    const auto now = SystemClock().wall();
    const auto key = TRY(make_signer(folder, now));
    TRY(write_instances_files(folder));
    for (const auto& release : kReleases) TRY(build_release(folder, release, key, now));
    for (const auto& package : kOnTop) TRY(build_on_top(folder, package, key, now));
    TRY(build_pack(folder, key, now));
    return Workshop(folder);
}

std::string Workshop::package(const std::string& version) const {
    return (folder_ / fmt::format("nos-{}.cc", version)).string();
}

std::string Workshop::on_top(const std::string& named) const {
    return (folder_ / (named + ".package")).string();
}

Result<> Workshop::make_device(const fs::path& device, const std::string& version,
                               const std::string& standby, SlotFolders folders) const {
    TRY(EmulatedDevice::create(device, {.anchors = {folder_ / "trust/ca.crt"}, .slots = folders}));
    TRY(provision_device(device, package(standby.empty() ? version : standby)));
    TRY(write_file_durably(device / "persist/A/etc/nos.conf", kUserSetting, 0644));
    TRY(write_file_durably(device / "data" / kUserData, kUserSetting, 0644));
    if (standby.empty()) return {};
    auto end = live(device, upgrade_to(package(version)), {});
    while (end == LifeEnd::reboot) end = live(device, std::nullopt, {});
    if (end != LifeEnd::idle)
        return fail(Errc::conflict, "{} could not be prepared", device.string());
    return {};
}

namespace {

// In service, at the next startup, and under a base that is upgraded.
void add_package_scenarios(const Workshop& workshop, std::vector<Scenario>& all) {
    const auto with = [&](OperationKind kind, const std::string& named) {
        auto request = request_of(kind);
        request.sources = {workshop.on_top(named)};
        return request;
    };
    const auto named = [](OperationKind kind, const std::string& name) {
        auto request = request_of(kind);
        request.packages = {name};
        return request;
    };
    using enum OperationKind;
    const auto web = with(install, "web-1.0");
    auto at_startup = web;
    at_startup.mode = Mode::next_startup;
    all.push_back({"feature, in service",
                   "1.0.0",
                   "",
                   {web, with(upgrade, "web-1.1"), named(uninstall, "web")},
                   {"1.0.0+web-1.0", "1.0.0+web-1.1", "1.0.0"}});
    all.push_back({"feature that fails its checks",
                   "1.0.0",
                   "",
                   {web, with(upgrade, "web-1.2")},
                   {"1.0.0", "1.0.0+web-1.0"}});
    all.push_back({"feature, at the next startup",
                   "1.0.0",
                   "",
                   {at_startup, request_of(reboot)},
                   {"1.0.0", "1.0.0+web-1.0"}});
    all.push_back({"feature, rolled back",
                   "1.0.0",
                   "",
                   {web, request_of(rollback)},
                   {"1.0.0+web-1.0", "1.0.0"}});
    all.push_back({"base under a feature",
                   "1.0.0",
                   "",
                   {web, upgrade_to(workshop.package("1.1.0"))},
                   {"1.0.0", "1.0.0+web-1.0", "1.1.0+web-1.0"}});
    all.push_back({"update pack",
                   "1.0.0",
                   "",
                   {web, with(upgrade, "updates-1"), request_of(rollback)},
                   {"1.0.0", "1.0.0+web-1.1+fix-1", "1.0.0+web-1.0"}});
    auto with_web = upgrade_to(workshop.package("1.1.0"));
    with_web.sources.push_back(workshop.on_top("web-1.1"));
    all.push_back({.name = "base and its feature in versioned folders",
                   .version = "1.0.0",
                   .standby = "1.0.0",
                   .requests = {web, with_web, request_of(rollback)},
                   .may_run = {"1.0.0", "1.1.0+web-1.1", "1.0.0+web-1.0"},
                   .folders = SlotFolders::versioned});
    auto both = named(select, "web");
    both.packages.emplace_back("fix");
    auto without = both;
    without.kind = deselect;
    all.push_back({"packages reload",
                   "1.0.0",
                   "",
                   {with(fetch, "web-1.0"), with(fetch, "fix-1"), both, request_of(reload), without,
                    request_of(reload)},
                   {"1.0.0+web-1.0+fix-1", "1.0.0"}});
    auto dependents = named(uninstall, "web");
    dependents.with_dependents = true;
    all.push_back({"feature and what needs it",
                   "1.0.0",
                   "",
                   {web, with(install, "more-1"), dependents},
                   {"1.0.0+web-1.0", "1.0.0+web-1.0+more-1", "1.0.0"}});
    all.push_back({"patch through its states",
                   "1.0.0",
                   "",
                   {with(fetch, "fix-1"), named(activate, "fix"), named(commit, "fix"),
                    named(deactivate, "fix"), named(discard, "fix")},
                   {"1.0.0+fix-1", "1.0.0"}});
}

}  // namespace

namespace {

Result<> set_proof(const fs::path& device, const std::string& toml, const std::string& proof) {
    TRY(write_file_durably(device / "device.toml", toml + proof, 0644));
    auto database = TRY(Database::open(device / "device.db"));
    TRY(database.query("CREATE TABLE IF NOT EXISTS config_proof(text TEXT)"));
    TRY(database.query("DELETE FROM config_proof"));
    TRY(database.query("INSERT INTO config_proof VALUES(?)", {proof}));
    return {};
}

// A device that was set as its backup says, and is set otherwise.
Result<> make_proof(const fs::path& device) {
    const auto toml = TRY(read_file(device / "device.toml", 10'000));
    TRY(set_proof(device, toml, kThen));
    auto store = TRY(Store::open(device / "device.db"));
    const auto generations = TRY(store.generations());
    auto about =
        about_device(TRY(read_device_config(device)), TRY(device_uuid(device)), generations.back());
    about.made = SystemClock().wall();
    const BackupFolder backups({.device = device,
                                .trust = device / "trust",
                                .startup_config = device / "data" / "startup-config"});
    const auto made = TRY(backups.create(about, kProof, true));
    TRY(rename_durably(TRY(backups.find(made.name)),
                       device / "backups" / fmt::format("{}.backup", kProof)));
    return set_proof(device, toml, kNow);
}

}  // namespace

namespace {

Result<> set_rate(Configuration& configuration, const std::string& rate,
                  std::optional<std::chrono::seconds> confirm) {
    TRY(configuration.edit(
        "user", {{.kind = ConfigEdit::Kind::set, .path = "/net:net/rate", .value = rate}}));
    static_cast<void>(TRY(configuration.commit(
        {.session = "user", .by = "user", .comment = "", .confirm = confirm})));
    return {};
}

Result<> await_no_trial(Configuration& configuration) {
    SystemClock clock;
    while (TRY(configuration.status()).trial) clock.sleep(std::chrono::milliseconds(20), {});
    return {};
}

// A boot begins with what was saved: whatever is cut, that is the old or the new, and never what
// was on trial.
Scenario commit_scenario() {
    using std::chrono_literals::operator""s;
    const Act commits = [](Configuration& configuration) -> Result<> {
        TRY(set_rate(configuration, "2000", {}));
        return configuration.save("user");
    };
    const Act confirms = [](Configuration& configuration) -> Result<> {
        TRY(set_rate(configuration, "3000", 60s));
        static_cast<void>(
            TRY(configuration.commit({.session = "user", .by = "user", .comment = ""})));
        return configuration.save("user");
    };
    const Act rolls_back = [](Configuration& configuration) -> Result<> {
        static_cast<void>(TRY(configuration.rollback(0, "user")));
        return configuration.save("user");
    };
    const Act leaves_on_trial = [](Configuration& configuration) -> Result<> {
        TRY(set_rate(configuration, "4000", 1s));
        TRY(await_no_trial(configuration));
        return configuration.save("user");
    };
    return {.name = "configuration commits",
            .version = "1.4.0",
            .standby = "",
            .requests = {},
            .may_run = {"1.4.0"},
            .prepare = configure,
            .acts = {{.act = commits, .rates = {"1000", "2000"}},
                     {.act = confirms, .rates = {"2000", "3000"}},
                     {.act = rolls_back, .rates = {"3000", "2000"}},
                     {.act = leaves_on_trial, .rates = {"2000"}}}};
}

// A device whose backup holds a package that is not even in an older generation any more.
Result<> lose_package(const fs::path& device, const Request& install) {
    auto uninstall = request_of(OperationKind::uninstall);
    uninstall.packages = {"web"};
    if (live(device, install, {}) != LifeEnd::idle)
        return fail(Errc::conflict, "a package could not be installed");
    TRY(make_proof(device));
    if (live(device, uninstall, {}) != LifeEnd::idle)
        return fail(Errc::conflict, "a package could not be uninstalled");
    TRY(remove_tree(device / "packages"));
    return remove_tree(device / "layers" / "packages");
}

}  // namespace

std::vector<Scenario> scenarios(const Workshop& workshop) {
    const auto upgrade = [&](const std::string& version) {
        return upgrade_to(workshop.package(version));
    };
    auto install = upgrade("1.1.0");
    install.kind = OperationKind::install;
    auto at_startup = upgrade("1.1.0");
    at_startup.mode = Mode::next_startup;
    auto sick_at_startup = upgrade("1.2.0");
    sick_at_startup.mode = Mode::next_startup;
    const auto reboot = request_of(OperationKind::reboot);
    std::vector<Scenario> all{
        {"upgrade", "1.0.0", "", {upgrade("1.1.0")}, {"1.0.0", "1.1.0"}},
        {"install, then activate",
         "1.0.0",
         "",
         {install, request_of(OperationKind::activate)},
         {"1.0.0", "1.1.0"}},
        {"upgrade that fails its checks", "1.1.0", "1.0.0", {upgrade("1.2.0")}, {"1.1.0"}},
        {"upgrade that does not boot", "1.1.0", "1.0.0", {upgrade("1.2.1")}, {"1.1.0"}},
        {"revert", "1.1.0", "1.0.0", {request_of(OperationKind::revert)}, {"1.1.0", "1.0.0"}},
        {"rollback", "1.1.0", "1.0.0", {request_of(OperationKind::rollback)}, {"1.1.0", "1.0.0"}},
        {"next startup", "1.0.0", "", {at_startup, reboot}, {"1.0.0", "1.1.0"}},
        {"next startup that fails", "1.1.0", "1.0.0", {sick_at_startup, reboot}, {"1.1.0"}},
        {"next startup taken back",
         "1.0.0",
         "",
         {at_startup, request_of(OperationKind::rollback)},
         {"1.1.0", "1.0.0"}},
    };
    add_package_scenarios(workshop, all);
    auto web = request_of(OperationKind::install);
    web.sources = {workshop.on_top("web-1.0")};
    all.push_back({.name = "factory reset",
                   .version = "1.1.0",
                   .standby = "1.0.0",
                   .requests = {web, request_of(OperationKind::reset)},
                   .may_run = {"1.1.0+web-1.0", "1.1.0"}});
    auto restore = request_of(OperationKind::restore);
    restore.sources = {kProof};
    all.push_back({.name = "configuration over an upgrade and back",
                   .version = "1.4.0",
                   .standby = "",
                   .requests = {upgrade("1.5.0"), request_of(OperationKind::rollback)},
                   .may_run = {"1.5.0", "1.4.0"},
                   .prepare = configure});
    all.push_back({.name = "restore",
                   .version = "1.0.0",
                   .standby = "",
                   .requests = {restore},
                   .may_run = {"1.0.0"},
                   .prepare = make_proof});
    all.push_back({.name = "restore of a lost package",
                   .version = "1.0.0",
                   .standby = "",
                   .requests = {restore},
                   .may_run = {"1.0.0"},
                   .prepare = [web](const fs::path& device) { return lose_package(device, web); }});
    all.push_back(commit_scenario());
    all.push_back(instances_scenario(workshop));
    return all;
}

}  // namespace cutover
