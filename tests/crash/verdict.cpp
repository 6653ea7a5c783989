#include "verdict.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <fmt/core.h>

#include "backup/backup_folder.h"
#include "base/error.h"
#include "base/files.h"
#include "ingredients.h"
#include "life.h"
#include "model/generation.h"
#include "model/operation.h"
#include "model/planner.h"
#include "model/slot.h"
#include "scenario.h"
#include "store/database.h"
#include "store/store.h"

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
        const auto own = package.side_by_side
                             ? fmt::format("{}-{}", package.name, package.version.text().front())
                             : package.name;
        const auto file = device / "layers/packages" / package.digest / "root/share" / own;
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

// All that the user has made is there; after a factory reset, nothing of it.
Result<> check_user_files(const fs::path& device, Slot running, Store& store) {
    const auto settings = TRY(read_file(root_of(device, running) / "etc/nos.conf", 1000));
    const bool data = fs::exists(device / "data" / kUserData);
    const auto history = TRY(store.operations(Store::kKeptOperations));
    const bool reset = std::ranges::any_of(history, [](const Operation& operation) {
        return operation.request.kind == OperationKind::reset &&
               operation.state == OperationState::done;
    });
    if (!reset && (settings != kUserSetting || !data))
        return fail(Errc::conflict, "the user's settings are lost");
    if (reset && (settings != kFactorySetting || data))
        return fail(Errc::conflict, "the user's settings have outlived a factory reset");
    return {};
}

// Every backup that is there is whole; and of a restore, all has come back or nothing.
Result<> check_backups(const fs::path& device, Store& store) {
    const BackupFolder backups({.device = device, .trust = {}, .startup_config = {}});
    for (const auto& backup : TRY(backups.list())) TRY(backups.verify(backup.name));
    if (!backups.find(kProof)) return {};
    auto database = TRY(Database::open(device / "device.db"));
    const auto rows = TRY(database.query("SELECT text FROM config_proof"));
    const auto found = rows.empty() ? std::string() : std::get<std::string>(rows.front().front());
    const auto toml = TRY(read_file(device / "device.toml", 10'000));
    const auto history = TRY(store.operations(Store::kKeptOperations));
    const bool restored = std::ranges::any_of(history, [](const Operation& operation) {
        return operation.request.kind == OperationKind::restore &&
               operation.state == OperationState::done;
    });
    const std::string wanted = restored ? kThen : kNow;
    if (found != wanted || !toml.ends_with(wanted))
        return fail(Errc::conflict, "the restore is half done");
    return {};
}

// Services read what belongs to the modules of the base that runs, with all that the user has set.
Result<> check_configuration(const fs::path& device, const std::string& version,
                             const std::vector<std::string>& rates) {
    if (rates.empty()) return {};
    const auto file = device / "data" / kRendered;
    std::string leaf;
    if (version == "1.4.0") leaf = "rate";
    if (version == "1.5.0") leaf = "speed";
    auto text = fs::exists(file) ? TRY(read_file(file, 10'000)) : std::string();
    std::erase_if(text, [](char c) { return c == ' ' || c == '\n'; });
    const bool right = std::ranges::any_of(rates, [&](const std::string& rate) {
        return text == fmt::format("{{\"net:net\":{{\"{}\":{}}}}}", leaf, rate);
    });
    if (leaf.empty() ? text.empty() : right) return {};
    return fail(Errc::conflict, "{} reads the configuration {}", version, text);
}

Result<> check_device(const fs::path& device, const std::vector<std::string>& may_run,
                      const std::vector<std::string>& rates, EmulatedDevice& emulated,
                      Store& store) {
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
    if (emulated.config().slots_backend == "tree" &&
        TRY(read_file(device / "current/version", 100)) != version)
        return fail(Errc::conflict, "`current` does not lead to what runs");
    const auto runs = what_runs(*running);
    const bool may = std::ranges::any_of(
        may_run, [&](const std::string& one) { return one == runs || one == version + "+*"; });
    if (!may) return fail(Errc::conflict, "{} must not run", runs);
    TRY(check_packages(device, *running, emulated));
    TRY(check_user_files(device, boot.running, store));
    TRY(check_backups(device, store));
    TRY(check_configuration(device, version, rates));
    return check_slots(device, emulated, store);
}

}  // namespace

bool is_sound(const fs::path& device, const std::vector<std::string>& may_run,
              const std::vector<std::string>& rates) {
    return inspect(device, [&](EmulatedDevice& emulated, Store& store) {
        return check_device(device, may_run, rates, emulated, store);
    });
}

bool takes_upgrade(const fs::path& device, const std::string& package, const std::string& version) {
    auto request = upgrade_to(package);
    request.force = {"pending-reboot", "configuration"};
    auto end = live(device, request, {});
    for (int life = 0; life < 5 && end == LifeEnd::reboot; ++life)
        end = live(device, std::nullopt, {});
    if (end != LifeEnd::idle) return false;
    return is_sound(device, {version + "+*"});
}

}  // namespace cutover
