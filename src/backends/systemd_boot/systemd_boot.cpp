#include "backends/systemd_boot/systemd_boot.h"

#include <array>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "backends/systemd_boot/boot_entry.h"
#include "backends/systemd_boot/entry_folder.h"
#include "backends/systemd_boot/errors.h"
#include "base/error.h"
#include "model/slot.h"
#include "platform/boot_control.h"
#include "platform/kernel_command_line.h"

namespace cutover {
namespace {

constexpr std::array<std::string_view, 2> kCopies{"cutover-0.conf", "cutover-1.conf"};

// What must have been so, when no entry can be read any more: a slot on trial was not the
// committed one, and any other that runs is the one that boots.
Slot guess(const BootedAs& booted) {
    return booted.reason == BootReason::trial ? other(booted.slot) : booted.slot;
}

}  // namespace

struct SystemdBoot::Copies {
    std::array<std::optional<BootEntry>, 2> entries;

    std::size_t newest() const {
        const auto& [first, second] = entries;
        return second && (!first || second->version > first->version) ? 1 : 0;
    }
    const std::optional<BootEntry>& entry() const { return entries.at(newest()); }
};

struct SystemdBoot::Trial {
    TrialName name;
    BootEntry entry;
};

SystemdBoot::SystemdBoot(std::unique_ptr<EntryFolder> folder, EntrySettings settings,
                         BootedAs booted)
    : folder_(std::move(folder)), settings_(std::move(settings)), booted_(booted) {}

Result<std::unique_ptr<BootControl>> SystemdBoot::open(const SystemdBootOptions& options) {
    auto folder = TRY(EntryFolder::open(options.esp));
    EntrySettings settings{.roots = options.roots, .arguments = options.arguments};
    for (const auto slot : {Slot::a, Slot::b}) {
        const std::size_t index = slot == Slot::a ? 0 : 1;
        std::error_code error;
        const auto* const name = slot == Slot::a ? "a" : "b";
        settings.has_initrd.at(index) =
            std::filesystem::exists(options.esp / "cutover" / name / "initrd.img", error);
        // An entry that cannot be written must not be found out about in a commit.
        TRY(format_entry({.slot = slot, .trial = true, .version = 1'000'000'000}, settings));
    }
    return open(std::move(folder), std::move(settings), options.booted);
}

std::unique_ptr<BootControl> SystemdBoot::open(std::unique_ptr<EntryFolder> folder,
                                               EntrySettings settings, BootedAs booted) {
    std::unique_ptr<SystemdBoot> boot(
        new SystemdBoot(std::move(folder), std::move(settings), booted));
    boot->heal();
    return boot;
}

SystemdBoot::Copies SystemdBoot::read_copies() const {
    const auto read = [&](std::string_view name) -> std::optional<BootEntry> {
        const auto text = folder_->read(name);
        auto entry = text ? parse_entry(*text) : std::nullopt;
        return entry && !entry->trial ? entry : std::nullopt;
    };
    return {.entries = {read(kCopies[0]), read(kCopies[1])}};
}

BootEntry SystemdBoot::committed() const {
    return read_copies().entry().value_or(BootEntry{.slot = guess(booted_)});
}

// The trial with the fewest tries left: after a power cut inside a rename there may be two.
Result<std::optional<SystemdBoot::Trial>> SystemdBoot::trial() const {
    const auto version = committed().version;
    std::optional<Trial> found;
    for (const auto& file : TRY(folder_->list())) {
        const auto name = parse_trial_name(file);
        const auto text = name ? folder_->read(file) : Result<std::string>();
        const auto entry = name && text ? parse_entry(*text) : std::nullopt;
        if (!entry || !entry->trial || entry->slot != name->slot || entry->version <= version)
            continue;
        if (!found || name->left < found->name.left) found = Trial{.name = *name, .entry = *entry};
    }
    return found;
}

Result<> SystemdBoot::write_copy(std::size_t copy, const BootEntry& entry) {
    const auto text = TRY(format_entry(entry, settings_));
    const auto name = kCopies.at(copy);
    const auto there = folder_->read(name);
    if (there && there->size() == kEntryBytes) return folder_->rewrite(name, text);
    TRY(folder_->remove(name));
    TRY(folder_->create(name, empty_entry()));
    return folder_->rewrite(name, text);
}

Result<> SystemdBoot::commit(Slot slot) {
    const auto copies = read_copies();
    const auto& now = copies.entry();
    if (now && now->slot == slot) return {};
    return write_copy(1 - copies.newest(), {.slot = slot, .version = now ? now->version + 1 : 1});
}

Result<> SystemdBoot::remove_trials(const std::optional<TrialName>& but) {
    for (const auto& file : TRY(folder_->list())) {
        const bool ours = file.starts_with("cutover-trial-");
        if (!ours || (but && parse_trial_name(file) == but)) continue;
        const auto text = folder_->read(file);
        if (text && text->size() == kEntryBytes) TRY(folder_->rewrite(file, empty_entry()));
        TRY(folder_->remove(file));
    }
    return {};
}

// Failing here takes nothing back, and the next call tries again.
void SystemdBoot::heal() {
    const auto copies = read_copies();
    const auto newest = copies.newest();
    const auto entry = copies.entry().value_or(BootEntry{.slot = guess(booted_), .version = 1});
    if (!copies.entry() && !write_copy(newest, entry)) return;
    // Two that say the same: whichever comes first, it is the committed slot.
    const auto& older = copies.entries.at(1 - newest);
    if (!older || older->slot != entry.slot) (void)write_copy(1 - newest, entry);
    const auto found = trial();
    if (!found) return;
    const auto& now = *found;
    (void)remove_trials(now ? std::optional(now->name) : std::nullopt);
}

Result<BootStatus> SystemdBoot::status() const {
    const std::scoped_lock lock(mutex_);
    BootStatus status{
        .running = booted_.slot, .reason = booted_.reason, .committed = committed().slot};
    const auto trial_now = TRY(trial());
    if (!trial_now) return status;
    const auto& name = trial_now->name;
    const bool runs = booted_.reason == BootReason::trial && booted_.slot == name.slot;
    // The command line of the committed slot is always the same: that the trial was tried, and
    // something else runs, is what a fallback looks like here.
    if (booted_.reason == BootReason::normal && name.done > 0) status.reason = BootReason::fallback;
    if (name.left == 0 && !runs) return status;
    status.trial = name.slot;
    status.tries_left = name.left;
    status.tries = name.left + name.done;
    return status;
}

Result<> SystemdBoot::start_trial(Slot slot, int tries) {
    if (tries < 1 || tries > kMaxEntryTries)
        return fail(errors::sdboot_bad_tries, "a trial has 1 to {} boots, not {}", kMaxEntryTries,
                    tries);
    const std::scoped_lock lock(mutex_);
    const TrialName name{.slot = slot, .left = tries};
    const auto now = TRY(trial());
    if (now && now->name == name) return {};
    TRY(remove_trials());
    const auto file = format_trial_name(name);
    const BootEntry entry{.slot = slot, .trial = true, .version = committed().version + 1};
    const auto text = TRY(format_entry(entry, settings_));
    TRY(folder_->create(file, empty_entry()));
    return folder_->rewrite(file, text);
}

Result<> SystemdBoot::end_trial() {
    const std::scoped_lock lock(mutex_);
    return remove_trials();
}

Result<> SystemdBoot::confirm(Slot slot) {
    const std::scoped_lock lock(mutex_);
    const auto now = TRY(trial());
    if (now && now->name.slot != slot) TRY(remove_trials());
    TRY(commit(slot));
    heal();  // the other copy, and the trial that is void now
    return {};
}

}  // namespace cutover
