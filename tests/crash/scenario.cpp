#include "scenario.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "crypto/signing_key.h"
#include "crypto/trust_store.h"
#include "engine/provision.h"
#include "engine/verified_packages.h"
#include "ingredients.h"
#include "life.h"
#include "model/operation.h"
#include "model/package_spec.h"
#include "package/package_builder.h"
#include "package/package_signer.h"
#include "platform/emulated/emulated_device.h"
#include "store/store.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

struct Release {
    std::string version;
    bool healthy = true;
    bool boots = true;
};

const std::vector<Release> kReleases{{.version = "1.0.0"},
                                     {.version = "1.1.0"},
                                     {.version = "1.2.0", .healthy = false},
                                     {.version = "1.2.1", .boots = false},
                                     {.version = "1.3.0"}};

Result<> write_script(const fs::path& file, const std::string& content) {
    TRY(make_folders(file.parent_path()));
    return write_file_durably(file, content, 0755);
}

Result<> build_release(const fs::path& folder, const Release& release, const SigningKey& key,
                       WallTime now) {
    const auto root = folder / ("root-" + release.version);
    TRY(make_folders(root / "etc"));
    TRY(write_file_durably(root / "version", release.version, 0644));
    TRY(write_file_durably(root / "etc/nos.conf", "hostname = default\n", 0644));
    TRY(write_script(root / "bin/check",
                     fmt::format("#!/bin/sh\nexit {}\n", release.healthy ? 0 : 1)));
    TRY(write_script(root / "bin/boot",
                     fmt::format("#!/bin/sh\nexit {}\n", release.boots ? 0 : 1)));
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
)",
        release.version, release.version)));
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
};

const std::vector<OnTop> kOnTop{
    {.kind = "feature", .name = "web", .version = "1.0"},
    {.kind = "feature", .name = "web", .version = "1.1"},
    {.kind = "feature", .name = "web", .version = "1.2", .healthy = false},
    {.kind = "patch", .name = "fix", .version = "1"}};

Result<> build_on_top(const fs::path& folder, const OnTop& package, const SigningKey& key,
                      WallTime now) {
    const auto named = fmt::format("{}-{}", package.name, package.version);
    const auto root = folder / named;
    TRY(make_folders(root / "share"));
    TRY(write_file_durably(root / "share" / package.name, package.version, 0644));
    TRY(write_script(root / "bin" / ("start-" + package.name), "#!/bin/sh\nexit 0\n"));
    TRY(write_script(root / "bin" / ("check-" + package.name),
                     fmt::format("#!/bin/sh\nexit {}\n", package.healthy ? 0 : 1)));
    const auto spec = TRY(parse_package_spec(fmt::format(
        R"([package]
kind = "{0}"
name = "{1}"
version = "{2}"
[payload]
type = "tree"
path = "{1}-{2}"
[[service]]
name = "{1}"
command = ["bin/start-{1}"]
ready = "ended"
restart = "never"
[[health]]
name = "{1} is well"
exec = ["bin/check-{1}"]
interval = "1ms"
retries = 1
)",
        package.kind, package.name, package.version)));
    const auto file = folder / (named + ".package");
    TRY(build_package(
        {.spec = spec, .folder = folder, .output = file, .created = now, .level = 1}));
    return sign_package(file, file, key, now);
}

Result<> provision_device(const fs::path& device, const std::string& base) {
    const auto log = Log::silent();
    const auto emulated = TRY(EmulatedDevice::open(device, *log));
    auto store = TRY(Store::open(device / "device.db"));
    SystemClock clock;
    VerifiedPackages packages(TRY(TrustStore::load(device / "trust")), clock, {});
    TRY(provision({.store = store,
                   .boot = emulated->boot(),
                   .slots = emulated->slots(),
                   .host = emulated->host(),
                   .packages = packages,
                   .clock = clock},
                  base, {}));
    return {};
}

}  // namespace

Result<Workshop> Workshop::open(const fs::path& folder) {
    const auto now = SystemClock().wall();
    const auto key = TRY(make_signer(folder, now));
    for (const auto& release : kReleases) TRY(build_release(folder, release, key, now));
    for (const auto& package : kOnTop) TRY(build_on_top(folder, package, key, now));
    return Workshop(folder);
}

std::string Workshop::package(const std::string& version) const {
    return (folder_ / fmt::format("nos-{}.cc", version)).string();
}

std::string Workshop::on_top(const std::string& named) const {
    return (folder_ / (named + ".package")).string();
}

Result<> Workshop::make_device(const fs::path& device, const std::string& version,
                               const std::string& standby) const {
    TRY(EmulatedDevice::create(device, {.anchors = {folder_ / "trust/ca.crt"}}));
    TRY(provision_device(device, package(standby.empty() ? version : standby)));
    TRY(write_file_durably(device / "persist/A/etc/nos.conf", kUserSetting, 0644));
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
    all.push_back({"patch through its states",
                   "1.0.0",
                   "",
                   {with(fetch, "fix-1"), named(activate, "fix"), named(commit, "fix"),
                    named(deactivate, "fix"), named(discard, "fix")},
                   {"1.0.0+fix-1", "1.0.0"}});
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
    return all;
}

}  // namespace cutover
