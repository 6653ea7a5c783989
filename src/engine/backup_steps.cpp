// Backups: made before a change, and restored. Nothing that a restore puts back says what slots
// hold or what boots start: that is, and stays, what the device really is.

#include <algorithm>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <stop_token>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "backup/backup_file.h"
#include "backup/backup_folder.h"
#include "backup/backup_manifest.h"
#include "backup/errors.h"
#include "backup/put_back.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "engine/backup_places.h"
#include "engine/engine.h"
#include "engine/errors.h"
#include "model/backups.h"
#include "model/device_config.h"
#include "model/generation.h"
#include "model/operation.h"
#include "model/package_kind.h"
#include "model/plan.h"
#include "model/planner.h"
#include "package/file_source.h"
#include "platform/device_folder.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

// With other back-ends the agent would not come up any more, or would take slots for what they are
// not.
bool same_machine(const DeviceConfig& left, const DeviceConfig& right) {
    const auto parts = [](const DeviceConfig& config) {
        return std::tie(config.boot_backend, config.boot_device, config.boot_offset,
                        config.boot_redundant_offset, config.boot_size, config.boot_esp,
                        config.boot_root_a, config.boot_root_b, config.slots_backend, config.slot_a,
                        config.slot_b, config.persist, config.services_backend);
    };
    return parts(left) == parts(right);
}

}  // namespace

// All of it is read and verified, before there is even a plan.
Result<> Engine::open_backup(PlanInput& input, const std::stop_token& stop) const {
    const auto& sources = input.request.sources;
    if (sources.size() != 1) return {};  // the planner says so
    const BackupFolder folder(backup_places(ports_));
    const auto file = TRY(folder.find(sources.front()));
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
    const auto config = parse_device_config(settings);
    if (!config)
        return fail(errors::backup_damaged, "its device.toml cannot be used: {}",
                    config.error().text());
    if (!same_machine(*config, ports_.config))
        return fail(errors::check_backup_hardware,
                    "the backup is of a device whose [boot], [slots] or [services] differ");
    backup.name = file.stem().string();
    input.backup_file = file.string();
    input.backup_digest = identity_of(backup);
    input.backup = std::move(backup);
    return open_backup_packages(input, stop);
}

// Those that the device has no more: unpacked, and each opened like any other, so that its own
// signature vouches for it.
Result<> Engine::open_backup_packages(PlanInput& input, const std::stop_token& stop) const {
    const auto backup = input.backup.value_or(Backup{});
    std::vector<PackageRef> missing;
    std::uint64_t need = 0;
    for (const auto& package : backup.packages) {
        const bool here = std::ranges::find(input.at_hand, package.digest,
                                            &OfferedPackage::digest) != input.at_hand.end();
        if (!here && holds(backup, package)) missing.push_back(package);
    }
    if (missing.empty()) return {};
    const auto is_missing = [&](const BackupMember& member) {
        return std::ranges::any_of(missing, [&](const PackageRef& package) {
            return backup_member_of(package) == member.name;
        });
    };
    for (const auto& member : backup.members)
        if (is_missing(member)) need += member.bytes;
    if (const auto free = TRY(free_bytes(ports_.folder)); free < need)
        return fail(errors::check_space, "needs {} on {}, has {}", human_size(need),
                    ports_.folder.string(), human_size(free));
    const auto id = record_ ? record_->operation.id : 0;
    const auto folder = ports_.folder / "tmp" / fmt::format("operation-{}", id) / "from-backup";
    TRY(remove_tree(folder));
    TRY(unpack_backup(input.backup_file, folder, is_missing));
    const auto not_before = TRY(ports_.store.newest_signing_time());
    for (const auto& package : missing) {
        const auto file = (folder / backup_member_of(package)).string();
        const auto opened = TRY(ports_.packages.open(file, not_before, stop), "{} {} of the backup",
                                package.name, package.version.text());
        if (opened->digest() != package.digest || opened->manifest().kind == PackageKind::base)
            return fail(errors::backup_damaged, "it holds another package than {} {}", package.name,
                        package.version.text());
        input.offered.push_back(
            {.source = file, .digest = opened->digest(), .manifest = opened->manifest()});
    }
    return {};
}

Result<Engine::Done> Engine::create_backup() {
    const auto& operation = record_->operation;
    const auto kind = operation.request.kind;
    const auto generations = TRY(ports_.store.generations());
    const auto* const running = find_generation(generations, TRY(ports_.store.marks()).running);
    if (!running) return Done{};
    const BackupFolder folder(backup_places(ports_));
    auto about = about_device(ports_.config, TRY(device_uuid(ports_.folder)), *running);
    about.made = ports_.clock.wall();
    about.automatic = true;
    // Before the new one as well: on a device that is full, what policy lets go may be all the room
    // there is. A restore may be of what policy lets go.
    const bool prunes = kind != OperationKind::restore;
    auto backup = [&]() -> Result<Backup> {
        if (prunes) TRY(folder.prune(ports_.config.backup, about.made));
        auto made = TRY(folder.create(about, {}, ports_.config.backup.automatic_packages));
        if (prunes) TRY(folder.prune(ports_.config.backup, about.made));
        return made;
    }();
    const bool goes_back = kind == OperationKind::revert || kind == OperationKind::rollback;
    if (!backup && goes_back) {  // the way back is not to be barred by a full disk
        record_->operation.warnings.push_back(
            fmt::format("no backup was made: {}", backup.error().text()));
        say(record_->operation.warnings.back());
        return Done{};
    }
    if (!backup) {
        auto error = make_error(errors::backup_not_written, "the backup before it failed");
        error.set_cause(backup.error().text());
        return std::unexpected(std::move(error));
    }
    const auto& before = stage_record(Stage::prep).detail;
    const auto text = fmt::format("backup {}, {}", backup->name, human_size(backup->bytes));
    return Done{.detail = before.empty() ? text : fmt::format("{}; {}", before, text),
                .notes = {{"backup.created", text}}};
}

fs::path Engine::unpacked_backup() const {
    return ports_.folder / "tmp" / fmt::format("operation-{}", record_->operation.id) / "backup";
}

// Read again, for it may be another file by now; only one that holds the same is taken.
Result<Engine::Done> Engine::stage_backup(const Step& step) {
    const auto folder = unpacked_backup();
    TRY(remove_tree(folder));
    const auto& file = step.argument;
    const auto no_package = [](const BackupMember& member) {  // those are unpacked already
        return !member.name.starts_with("packages/");
    };
    const auto backup = TRY(unpack_backup(file, folder, no_package), "unpack {}", file);
    if (identity_of(backup) != record_->plan.manifest_digest)
        return fail(errors::operation_package_changed, "{} is another backup than the one planned",
                    file);
    return Done{.detail = fmt::format("{} members, all whole", backup.members.size())};
}

// The commit point: one transaction.
Result<Engine::Done> Engine::restore_database() {
    TRY(ports_.store.attach_backup(unpacked_backup() / kBackupDatabase));
    return Done{.writes = [this]() -> Result<> {
                    TRY(ports_.store.restore_configuration());
                    record_->committed = true;
                    return {};
                },
                .notes = {{"backup.restored", record_->plan.subject}}};
}

// Repeatable: after a cut it begins anew.
Result<Engine::Done> Engine::restore_files() {
    ports_.store.detach_backup();
    const auto notes = TRY(put_back(unpacked_backup(), backup_places(ports_)));
    auto& warnings = record_->operation.warnings;
    for (const auto& note : notes)
        if (std::ranges::find(warnings, note) == warnings.end()) warnings.push_back(note);
    return Done{.detail = "files are back"};
}

}  // namespace cutover
