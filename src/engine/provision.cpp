#include "engine/provision.h"

#include <algorithm>
#include <stop_token>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/byte_source.h"
#include "base/error.h"
#include "engine/errors.h"
#include "engine/package_source.h"
#include "model/errors.h"
#include "model/generation.h"
#include "model/manifest.h"
#include "model/package_kind.h"
#include "model/slot.h"
#include "platform/host.h"

namespace cutover {
namespace {

Result<> check_fit(const Manifest& manifest, const Host& host) {
    if (manifest.kind != PackageKind::base)
        return fail(errors::plan_one_base, "{} {} is a {} package; a device begins with a base",
                    manifest.name, manifest.version.text(), to_string(manifest.kind));
    const auto& hardware = manifest.compatible.hardware;
    const auto here = host.hardware();
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
                       .clock = device.clock},
                      base, fill, std::move(stop));
}

Result<PackageRef> adopt(const UnbornDevice& device, const std::string& base,
                         const TakeOver& take_over, std::stop_token stop) {
    return begin_with(device, base, take_over, std::move(stop));
}

}  // namespace cutover
