#include <string>
#include <utility>

#include "base/error.h"
#include "cutover/v1/configuration.pb.h"
#include "doors/native/convert.h"
#include "doors/native/convert_configuration.h"
#include "doors/native/convert_values.h"
#include "doors/native/errors.h"
#include "model/configuration.h"

namespace cutover::wire {
namespace {

v1::MigratedInstance from(const MigratedInstance& instance) {
    v1::MigratedInstance wire;
    wire.set_path(text(instance.path));
    wire.set_state(enum_from<v1::InstanceState>(instance.state));
    wire.set_revision(instance.revision);
    for (const auto& change : instance.changes) {
        auto& added = *wire.add_changes();
        added.set_path_before(text(change.path_before));
        added.set_path_after(text(change.path_after));
        added.set_before(text(change.before));
        added.set_after(text(change.after));
    }
    for (const auto& loss : instance.lost) {
        auto& added = *wire.add_lost();
        added.set_path(text(loss.path));
        added.set_value(text(loss.value));
        added.set_why(text(loss.why));
    }
    wire.set_untold(instance.untold);
    if (instance.error) *wire.mutable_error() = wire::from(*instance.error);
    return wire;
}

Result<MigratedInstance> to_model(const v1::MigratedInstance& wire) {
    MigratedInstance instance;
    instance.path = wire.path();
    instance.state =
        TRY(enum_to(wire.state(), MigratedInstance::State::untouched, "state of an instance"));
    instance.revision = wire.revision();
    for (const auto& change : wire.changes())
        instance.changes.push_back({.path_before = change.path_before(),
                                    .path_after = change.path_after(),
                                    .before = change.before(),
                                    .after = change.after()});
    for (const auto& loss : wire.lost())
        instance.lost.push_back({.path = loss.path(), .value = loss.value(), .why = loss.why()});
    instance.untold = wire.untold();
    if (wire.has_error()) instance.error = wire::to_model(wire.error());
    return instance;
}

}  // namespace

v1::MigrateInstancesRequest from(const ConfigMigrate& wanted) {
    v1::MigrateInstancesRequest wire;
    wire.set_from(text(wanted.from));
    wire.set_to(text(wanted.to));
    for (const auto& path : wanted.instances) wire.add_instances(text(path));
    wire.set_dry_run(wanted.dry_run);
    wire.set_lose(wanted.lose);
    return wire;
}

Result<ConfigMigrate> to_model(const v1::MigrateInstancesRequest& wire) {
    ConfigMigrate wanted;
    if (wire.from().empty() || wire.to().empty())
        return fail(errors::door_bad_request, "both packages are named, each as NAME@MAJOR");
    if (std::cmp_greater(wire.instances_size(), kMaxMigrated))
        return fail(errors::door_bad_request, "{} instances in one call, at most {} are taken",
                    wire.instances_size(), kMaxMigrated);
    wanted.from = TRY(session_from(wire.from()));
    wanted.to = TRY(session_from(wire.to()));
    for (const auto& path : wire.instances()) {
        if (path.empty()) return fail(errors::door_bad_request, "the path is empty");
        wanted.instances.push_back(TRY(path_from(path)));
    }
    wanted.dry_run = wire.dry_run();
    wanted.lose = wire.lose();
    return wanted;
}

v1::MigrateInstancesReply from(const ConfigMigrated& migrated) {
    v1::MigrateInstancesReply wire;
    for (const auto& instance : migrated.instances) {
        *wire.add_instances() = from(instance);
        if (instance.revision != 0) wire.set_revision(instance.revision);
    }
    return wire;
}

Result<ConfigMigrated> to_model(const v1::MigrateInstancesReply& wire) {
    ConfigMigrated migrated;
    for (const auto& instance : wire.instances())
        migrated.instances.push_back(TRY(to_model(instance)));
    return migrated;
}

}  // namespace cutover::wire
