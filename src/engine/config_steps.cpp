// Configuration that YANG modules describe: which modules are in force, and how its data comes to
// those of a target.

#include <algorithm>
#include <filesystem>
#include <functional>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "engine/config_texts.h"
#include "engine/engine.h"
#include "engine/package_source.h"
#include "engine/ports.h"
#include "engine/stack.h"
#include "model/config_files.h"
#include "model/event.h"
#include "model/generation.h"
#include "model/manifest.h"
#include "model/operation.h"
#include "model/plan.h"
#include "model/service_change.h"
#include "platform/config_data.h"

namespace cutover {
namespace {

std::optional<ServiceActionKind> action_of(OnChange on_change) {
    switch (on_change) {
        case OnChange::none: return std::nullopt;
        case OnChange::reload: return ServiceActionKind::reload;
        case OnChange::restart: return ServiceActionKind::restart;
        case OnChange::restart_with_sockets: return ServiceActionKind::restart_with_sockets;
        case OnChange::hook: return ServiceActionKind::hook;
    }
    return std::nullopt;
}

// How a service is told of new data; nothing where it is not.
std::optional<ServiceAction> config_action(const PlannedService& service) {
    const auto kind = action_of(service.spec.on_change);
    if (!kind || service.spec.config.empty()) return std::nullopt;
    ServiceAction action{.kind = *kind, .service = service, .because = "the configuration"};
    if (*kind == ServiceActionKind::hook) action.command = service.spec.hook;
    return action;
}

std::vector<ConfigReader> readers_of(const PackageStack& stack) {
    std::vector<ConfigReader> readers;
    for (const auto& service : services_of(stack))
        if (config_action(service))
            readers.push_back({.service = service.spec.name, .modules = service.spec.config});
    return readers;
}

ConfigFiles files_of(const PackageStack& stack) {
    std::vector<const Manifest*> manifests;
    manifests.reserve(stack.size());
    for (const auto& package : stack) manifests.push_back(&package.manifest);
    return config_files_of(manifests);
}

}  // namespace

// Repeatable. What cannot be used is no reason for the device not to run.
Result<> Engine::use_configuration() {
    if (!ports_.configuration) return {};
    const auto slot = TRY(ports_.boot.status()).running;
    const auto stack = TRY(whole_stack(ports_, slot, ports_.layers.shown()));
    ports_.configuration->set_readers(readers_of(stack));
    return ports_.configuration->use(files_of(stack), ports_.host.boot_id());
}

Result<> Engine::look_at_configuration() {
    const auto used = use_configuration();
    if (used)
        return save([&] { return ports_.store.clear_alarm(kConfigAlarm, ports_.clock.wall()); });
    ports_.log.error("the configuration cannot be used", {{"error", used.error().text()}});
    return save([&] {
        return ports_.store.raise_alarm({.name = kConfigAlarm,
                                         .severity = Severity::major,
                                         .text = used.error().message,
                                         .raised = ports_.clock.wall(),
                                         .operation = 0});
    });
}

void Engine::look_at_config_changes(const std::function<bool()>& enough) {
    if (!ports_.configuration) return;
    auto& configuration = *ports_.configuration;
    const auto stack = running_stack(ports_);
    if (!stack) return;
    const auto services = services_of(*stack);
    const auto changed = configuration.take_changes();
    for (const auto& reader : readers_of(*stack))
        if (std::ranges::find_first_of(reader.modules, changed) != reader.modules.end())
            config_due_.insert(reader.service);
    if (config_due_.empty()) return;
    std::vector<std::string> behind;
    auto left = std::exchange(config_due_, {});
    for (const auto& service : services) {
        const auto action = config_action(service);
        if (!action || !left.contains(service.spec.name)) continue;
        if (enough && enough()) break;
        configuration.set_waiting({left.begin(), left.end()});
        alive();
        const auto taken = ports_.services.change({*action}, stop_);
        left.erase(service.spec.name);
        if (taken) {
            ports_.log.info(
                "a service takes the configuration",
                {{"service", service.spec.name}, {"how", std::string(to_string(action->kind))}});
        } else {
            config_due_.insert(service.spec.name);
            behind.push_back(fmt::format("{}: {}", service.spec.name, taken.error().text()));
            ports_.log.warning("a service has not taken the configuration",
                               {{"service", service.spec.name}, {"error", taken.error().text()}});
        }
    }
    std::erase_if(left, [&](const std::string& name) {
        return std::ranges::none_of(
            services, [&](const PlannedService& service) { return service.spec.name == name; });
    });
    configuration.set_waiting({left.begin(), left.end()});
    configuration.set_behind(std::move(behind));
    config_due_.merge(left);
}

// The texts of what the operation's packages bring, out of the folder of its hooks.
Result<> Engine::keep_config_texts(const OpenedPackage& package,
                                   const std::filesystem::path& folder) {
    if (!ports_.configuration) return {};
    return ports_.configuration->keep(TRY(config_texts(package.manifest(), folder)));
}

Result<Engine::Done> Engine::upgrade_config() {
    if (!ports_.configuration) return Done{.detail = "this device keeps no such configuration"};
    auto& target = record_->plan.target;
    const auto files = files_of(TRY(whole_stack(ports_, target.slot, layers_of(target))));
    const auto& force = record_->operation.request.force;
    const bool lose = std::ranges::find(force, kConfigCheck) != force.end();
    const auto revision = TRY(ports_.configuration->prepare(
        files, config_way(record_->operation.request.kind), record_->operation.id, lose));
    return Done{.detail = revision == 0 ? "nothing to carry over"
                                        : fmt::format("configuration revision {}", revision),
                .writes = [&target, revision]() -> Result<> {
                    target.configuration_revision = revision;
                    return {};
                }};
}

}  // namespace cutover
