#include "instances_scenario.h"

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "base/files.h"
#include "ingredients.h"
#include "life.h"
#include "model/configuration.h"
#include "model/operation.h"
#include "scenario.h"

namespace cutover {
namespace {

constexpr std::array kNames{"r1", "r2", "r3", "r4"};

std::string path_of(const std::string& name, const std::string& leaf) {
    return fmt::format("/dev:devices/device[name='{}']{}", name, leaf);
}

// All of an instance is the data of the one, or of the other.
Result<> check_whole(Configuration& configuration, const ConfigSource& source) {
    for (const auto* name : kNames) {
        const auto driver = configuration.value(source, path_of(name, "/driver"));
        if (!driver) continue;  // before they were set
        const bool is_new = *driver == "router@2";
        const auto old_as = configuration.value(source, path_of(name, "/as"));
        const auto new_as = configuration.value(source, path_of(name, "/as-number"));
        if (old_as.has_value() == is_new || new_as.has_value() != is_new)
            return fail(Errc::conflict, "{} is half moved", name);
    }
    return {};
}

Result<> bind(Configuration& configuration) {
    std::vector<ConfigEdit> edits;
    for (const auto* name : kNames)
        for (const auto& [leaf, value] : {std::pair("/driver", "router@1"), std::pair("/as", "7")})
            edits.push_back(
                {.kind = ConfigEdit::Kind::set, .path = path_of(name, leaf), .value = value});
    TRY(configuration.edit("user", edits));
    static_cast<void>(TRY(configuration.commit({.session = "user", .by = "user", .comment = ""})));
    return configuration.save("user");
}

Result<> move(Configuration& configuration, const std::vector<std::string>& names) {
    ConfigMigrate wanted{.from = "router@1", .to = "router@2", .by = "user"};
    for (const auto& name : names) wanted.instances.push_back(path_of(name, ""));
    for (const auto& instance : TRY(configuration.migrate(wanted)).instances)
        if (instance.state != MigratedInstance::State::moved)
            return fail(Errc::conflict, "{} did not move", instance.path);
    return {};
}

// The first two with one revision, as thousands would be; the others with the next.
Result<> move_in_two(Configuration& configuration) {
    TRY(move(configuration, {"r1", "r2"}));
    TRY(configuration.save("user"));
    TRY(move(configuration, {"r3", "r4"}));
    return configuration.save("user");
}

Result<> check(Configuration& configuration) {
    TRY(check_whole(configuration, {}));
    for (const auto& revision : TRY(configuration.history(100)))
        TRY(check_whole(configuration,
                        {.kind = ConfigSource::Kind::revision, .revision = revision.id}));
    TRY(move(configuration, {}));
    for (const auto* name : kNames)
        if (TRY(configuration.value({}, path_of(name, "/driver"))) != "router@2")
            return fail(Errc::conflict, "{} is not moved by the second time", name);
    return check_whole(configuration, {});
}

}  // namespace

Result<> write_instances_files(const std::filesystem::path& folder) {
    TRY(write_file_durably(folder / "dev.yang", R"(module dev {
  namespace "urn:dev"; prefix d; revision 2025-01-01;
  container devices { list device {
    key name; leaf name { type string; }
    leaf driver { type string; mandatory true; }
    leaf as { type uint32; when "../driver = 'router@1'"; }
    leaf as-number { type uint32; when "../driver = 'router@2'"; }
  } }
})",
                           0644));
    const auto moves = folder / "moves" / "instances";
    TRY(make_folders(moves));
    return write_file_durably(moves / "router@1-to-router@2.json",
                              R"({"from": "router@1", "to": "router@2", "steps": [
  {"move": "/dev:devices/device/as", "to": "/dev:devices/device/as-number"}]})",
                              0644);
}

Scenario instances_scenario(const Workshop& workshop) {
    auto install = request_of(OperationKind::install);
    install.sources = {workshop.on_top("router-1.0"), workshop.on_top("router-2.0")};
    const std::string both = "1.6.0+router-1.0+router-2.0";
    return {.name = "instances that move",
            .version = "1.6.0",
            .standby = "",
            .requests = {},
            .may_run = {both},
            .prepare = [install](const std::filesystem::path& device) -> Result<> {
                if (live(device, install, {}) != LifeEnd::idle ||
                    live(device, std::nullopt, {}, bind) != LifeEnd::idle)
                    return fail(Errc::conflict, "the instances could not be prepared");
                return {};
            },
            .acts = {{.act = move_in_two, .rates = {}}},
            .check = check};
}

}  // namespace cutover
