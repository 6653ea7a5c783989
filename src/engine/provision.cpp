#include "engine/provision.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/byte_source.h"
#include "base/error.h"
#include "base/files.h"
#include "engine/config_texts.h"
#include "engine/errors.h"
#include "engine/package_source.h"
#include "model/errors.h"
#include "model/generation.h"
#include "model/manifest.h"
#include "model/package_kind.h"
#include "model/slot.h"
#include "platform/config_data.h"
#include "platform/host.h"
#include "platform/layers.h"

namespace cutover {
namespace {

// Of a package that brings nothing but its manifest.
class NoContent final : public ByteSource {
public:
    Result<std::size_t> read(std::span<std::byte> /*buffer*/) override { return std::size_t{0}; }
};

Result<> check_machine(const Manifest& manifest, const Host& host,
                       const std::vector<std::string>& here) {
    const auto& hardware = manifest.compatible.hardware;
    const bool fits = hardware.empty() || std::ranges::any_of(here, [&](const std::string& id) {
                          return std::ranges::find(hardware, id) != hardware.end();
                      });
    if (!fits)
        return fail(errors::check_hardware, "the package is for {}, the device is {}",
                    fmt::join(hardware, ", "), fmt::join(here, ", "));
    const auto& architecture = manifest.compatible.architecture;
    if (!architecture.empty() &&
        std::ranges::find(architecture, host.architecture()) == architecture.end())
        return fail(errors::check_architecture, "the package is for {}, the device is {}",
                    fmt::join(architecture, ", "), host.architecture());
    return {};
}

Result<> check_fit(const Manifest& manifest, const Host& host) {
    if (manifest.kind != PackageKind::base)
        return fail(errors::plan_one_base, "{} {} is a {} package; a device begins with a base",
                    manifest.name, manifest.version.text(), to_string(manifest.kind));
    return check_machine(manifest, host, host.hardware());
}

// The texts of its modules: the package will not be at hand when they are asked for.
Result<> keep_config(ConfigData* configuration, OpenedPackage& package) {
    const auto& manifest = package.manifest();
    if (!configuration || (manifest.config_modules.empty() && manifest.config_migrations.empty()))
        return {};
    const auto folder =
        TRY(TempFolder::create(std::filesystem::temp_directory_path(), "cutover-modules-"));
    TRY(package.unpack_hooks(folder.path()));
    return configuration->keep(TRY(config_texts(package.manifest(), folder.path())));
}

// Opens the base, has `fill` put it into slot A, and records it as generation 1.
Result<PackageRef> begin_with(const UnbornDevice& device, const std::string& base,
                              const TakeOver& fill, std::stop_token stop) {
    auto& store = device.store;
    if (!TRY(store.generations()).empty())
        return fail(Errc::conflict, "the device has a base already");
    const auto package =
        TRY(device.packages.open(base, TRY(store.newest_signing_time()), std::move(stop)));
    const auto& manifest = package->manifest();
    TRY(check_fit(manifest, device.host));
    TRY(keep_config(device.configuration, *package));
    const auto content = TRY(package->content());
    TRY(fill(manifest, *content));

    PackageRef reference{.kind = manifest.kind,
                         .name = manifest.name,
                         .version = manifest.version,
                         .digest = package->digest()};
    TRY(store.transact([&]() -> Result<> {
        Generation first{.base = reference, .created = device.clock.wall(), .committed_once = true};
        const auto id = TRY(store.add_generation(first));
        TRY(store.set_marks({.running = id, .startup = id, .committed = id}));
        TRY(store.put_slot({.slot = Slot::a,
                            .state = SlotState::installed,
                            .holds = reference,
                            .committed_once = true}));
        TRY(store.put_manifest(reference.digest, to_json(manifest)));
        TRY(store.set_epoch(manifest.epoch));
        TRY(store.set_newest_signing_time(package->signed_at()));
        TRY(store.add_event({.time = device.clock.wall(),
                             .type = "device.created",
                             .text = reference.name + " " + reference.version.text()}));
        return {};
    }));
    return reference;
}

}  // namespace

Result<PackageRef> provision(const NewDevice& device, const std::string& base,
                             std::stop_token stop) {
    const auto fill = [&](const Manifest& manifest, ByteSource& content) -> Result<> {
        TRY(device.slots.write(Slot::a, manifest, content), "write slot A");
        TRY(device.slots.carry_persistent(Slot::b, Slot::a, manifest.persist));
        return device.boot.confirm(Slot::a);
    };
    return begin_with({.store = device.store,
                       .host = device.host,
                       .packages = device.packages,
                       .clock = device.clock,
                       .configuration = device.configuration},
                      base, fill, std::move(stop));
}

Result<> provide_packages(const NewDevice& device, LayerStore& layers,
                          const std::vector<std::string>& files, int update_level) {
    auto& store = device.store;
    auto generation = TRY(store.generations()).back();
    auto here = device.host.hardware();
    LayerStack stack;
    auto newest = TRY(store.newest_signing_time());
    for (const auto& file : files) {
        const auto package = TRY(device.packages.open(file, newest, {}));
        const auto& manifest = package->manifest();
        here.insert(here.end(), manifest.supports.begin(), manifest.supports.end());
        TRY(check_machine(manifest, device.host, here));
        TRY(keep_config(device.configuration, *package));
        NoContent nothing;
        std::unique_ptr<ByteSource> content;
        if (manifest.payload.type != PayloadType::none) content = TRY(package->content());
        TRY(layers.write(package->digest(), manifest, content ? *content : nothing, stack),
            "write {}", manifest.name);
        stack.push_back(package->digest());
        newest = std::max(newest, package->signed_at());
        generation.packages.push_back({.kind = manifest.kind,
                                       .name = manifest.name,
                                       .version = manifest.version,
                                       .digest = package->digest()});
    }
    TRY(layers.set_startup(Slot::a, stack));
    generation.id = 0;
    generation.update_level = update_level;
    generation.created = device.clock.wall();
    return store.transact([&]() -> Result<> {
        const auto id = TRY(store.add_generation(generation));
        TRY(store.set_marks({.running = id, .startup = id, .committed = id}));
        return store.set_newest_signing_time(newest);
    });
}

Result<PackageRef> adopt(const UnbornDevice& device, const std::string& base,
                         const TakeOver& take_over, std::stop_token stop) {
    return begin_with(device, base, take_over, std::move(stop));
}

}  // namespace cutover
