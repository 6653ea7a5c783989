#include "verdict.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "base/files.h"
#include "ingredients.h"
#include "life.h"
#include "model/generation.h"
#include "model/operation.h"
#include "model/planner.h"
#include "model/slot.h"
#include "scenario.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

fs::path root_of(const fs::path& device, Slot slot) {
    return device / "slots" / to_string(slot) / "root";
}

// What a slot claims, by the store's account and its own, must be what is in it.
Result<> check_slots(const fs::path& device, EmulatedDevice& emulated, Store& store) {
    for (const auto& slot : TRY(store.slots())) {
        const auto holds = emulated.slots().manifest(slot.slot);
        const bool claims = slot.state == SlotState::installed || slot.state == SlotState::bad;
        if (slot.state == SlotState::writing)
            return fail(Errc::conflict, "slot {} is left in writing", to_string(slot.slot));
        if (!claims) continue;
        if (!holds || !slot.holds || holds->version != slot.holds->version)
            return fail(Errc::conflict, "slot {} claims what it does not hold",
                        to_string(slot.slot));
        const auto version = TRY(read_file(root_of(device, slot.slot) / "version", 100));
        if (version != slot.holds->version.text())
            return fail(Errc::conflict, "slot {} holds {}, not {}", to_string(slot.slot), version,
                        slot.holds->version.text());
    }
    return {};
}

// "1.0.0+web-1.1": the base that runs, and what boots start on top of it.
std::string what_runs(const Generation& running) {
    auto text = running.base.version.text();
    for (const auto& package : running.packages)
        text += fmt::format("+{}-{}", package.name, package.version.text());
    return text;
}

// Each package is whole, by its own account and by what is in it, and boots start all of them.
Result<> check_packages(const fs::path& device, const Generation& running,
                        EmulatedDevice& emulated) {
    LayerStack layers;
    for (const auto& package : running.packages) {
        const auto manifest = TRY(emulated.layers().manifest(package.digest));
        const auto file = device / "layers/packages" / package.digest / "root/share" / package.name;
        const auto version = TRY(read_file(file, 100));
        if (manifest.version != package.version || version != package.version.text())
            return fail(Errc::conflict, "layer {} holds {}", package.name, version);
        layers.push_back(package.digest);
    }
    const auto startup = TRY(emulated.layers().startup(running.slot));
    if (startup.committed != layers || startup.trial)
        return fail(Errc::conflict, "boots do not start the packages that run");
    return {};
}

Result<> check_device(const fs::path& device, const std::vector<std::string>& may_run,
                      EmulatedDevice& emulated, Store& store) {
    if (TRY(store.open_operation())) return fail(Errc::conflict, "an operation is left open");
    const auto boot = TRY(emulated.boot().status());
    const auto generations = TRY(store.generations());
    const auto marks = TRY(store.marks());
    const auto* const running = find_generation(generations, marks.running);
    const auto* const committed = find_generation(generations, marks.committed);
    if (!running || !committed) return fail(Errc::conflict, "a mark points to nothing");
    if (committed->slot != boot.committed || !committed->kept)
        return fail(Errc::conflict, "the committed generation cannot be booted");
    if (running->id != committed->id)
        return fail(Errc::conflict, "what runs is not committed, and no trial is under way");
    if (running->slot != boot.running)
        return fail(Errc::conflict, "slot {} runs, not that of the running generation",
                    to_string(boot.running));
    if (boot.reason == BootReason::rescue) return fail(Errc::conflict, "the device is in rescue");
    const auto version = TRY(read_file(root_of(device, boot.running) / "version", 100));
    if (version != running->base.version.text())
        return fail(Errc::conflict, "runs {}, the record says {}", version,
                    running->base.version.text());
    const auto runs = what_runs(*running);
    const bool may = std::ranges::any_of(
        may_run, [&](const std::string& one) { return one == runs || one == version + "+*"; });
    if (!may) return fail(Errc::conflict, "{} must not run", runs);
    TRY(check_packages(device, *running, emulated));
    const auto settings = TRY(read_file(root_of(device, boot.running) / "etc/nos.conf", 1000));
    if (settings != kUserSetting) return fail(Errc::conflict, "the user's settings are lost");
    return check_slots(device, emulated, store);
}

}  // namespace

bool is_sound(const fs::path& device, const std::vector<std::string>& may_run) {
    return inspect(device, [&](EmulatedDevice& emulated, Store& store) {
        return check_device(device, may_run, emulated, store);
    });
}

bool takes_upgrade(const fs::path& device, const std::string& package, const std::string& version) {
    auto request = upgrade_to(package);
    request.force = {"pending-reboot"};
    auto end = live(device, request, {});
    for (int life = 0; life < 5 && end == LifeEnd::reboot; ++life)
        end = live(device, std::nullopt, {});
    if (end != LifeEnd::idle) return false;
    return is_sound(device, {version + "+*"});
}

}  // namespace cutover
