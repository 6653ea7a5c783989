#include "doors/native/convert_backup.h"

#include <string>

#include "base/error.h"
#include "cutover/v1/backup.pb.h"
#include "doors/native/convert_values.h"
#include "model/backups.h"
#include "model/generation.h"

namespace cutover::wire {

v1::Backup from(const Backup& backup) {
    v1::Backup wire;
    wire.set_name(text(backup.name));
    *wire.mutable_made() = from(backup.made);
    wire.set_automatic(backup.automatic);
    wire.set_device(text(backup.device));
    wire.set_hardware(text(backup.hardware));
    wire.set_uuid(text(backup.uuid));
    wire.set_agent_version(text(backup.agent_version));
    *wire.mutable_base() = from(backup.base);
    fill(*wire.mutable_packages(), backup.packages);
    wire.set_generation(backup.generation);
    wire.set_update_level(backup.update_level);
    for (const auto& member : backup.members) {
        auto& each = *wire.add_members();
        each.set_name(text(member.name));
        each.set_bytes(member.bytes);
        each.set_sha256(text(member.sha256));
    }
    wire.set_bytes(backup.bytes);
    wire.set_problem(text(backup.problem));
    return wire;
}

v1::PrunedBackups from(const PrunedBackups& pruned) {
    v1::PrunedBackups wire;
    for (const auto& name : pruned.names) wire.add_names(text(name));
    wire.set_bytes(pruned.bytes);
    return wire;
}

v1::Compaction from(const Compaction& compaction) {
    v1::Compaction wire;
    wire.set_bytes_before(compaction.bytes_before);
    wire.set_bytes_after(compaction.bytes_after);
    *wire.mutable_pruned() = from(compaction.pruned);
    return wire;
}

Result<Backup> to_model(const v1::Backup& wire) {
    Backup value;
    value.name = wire.name();
    value.made = TRY(to_model(wire.made()));
    value.automatic = wire.automatic();
    value.device = wire.device();
    value.hardware = wire.hardware();
    value.uuid = wire.uuid();
    value.agent_version = wire.agent_version();
    value.base = TRY(to_model(wire.base()));
    value.packages = TRY(list<PackageRef>(wire.packages()));
    value.generation = wire.generation();
    value.update_level = wire.update_level();
    for (const auto& member : wire.members())
        value.members.push_back(
            {.name = member.name(), .bytes = member.bytes(), .sha256 = member.sha256()});
    value.bytes = wire.bytes();
    value.problem = wire.problem();
    return value;
}

PrunedBackups to_model(const v1::PrunedBackups& wire) {
    return {.names = {wire.names().begin(), wire.names().end()}, .bytes = wire.bytes()};
}

Compaction to_model(const v1::Compaction& wire) {
    return {.bytes_before = wire.bytes_before(),
            .bytes_after = wire.bytes_after(),
            .pruned = to_model(wire.pruned())};
}

}  // namespace cutover::wire
