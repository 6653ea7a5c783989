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
    if (std::ranges::find(may_run, version) == may_run.end())
        return fail(Errc::conflict, "{} must not run", version);
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
    return is_sound(device, {version});
}

}  // namespace cutover
