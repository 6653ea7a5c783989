#include "model/service_change.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <fmt/format.h>

#include "model/manifest.h"
#include "model/package_kind.h"
#include "model/side_by_side.h"

namespace cutover {
namespace {

constexpr std::array<std::string_view, 7> kActionNames{
    "start", "stop", "reload", "restart", "restart-with-sockets", "hook", "unhook"};

std::string label(const Manifest& manifest) {
    return fmt::format("{} {}", manifest.name, manifest.version.text());
}

const StackedPackage* by_digest(const PackageStack& stack, std::string_view digest) {
    const auto found = std::ranges::find(stack, digest, &StackedPackage::digest);
    return found == stack.end() ? nullptr : &*found;
}

// The same package in any version.
const StackedPackage* same_package(const PackageStack& stack, const Manifest& of) {
    const auto found = std::ranges::find_if(stack, [&](const StackedPackage& package) {
        return package.manifest.kind == of.kind &&
               rivals(reference_to(package.manifest, {}), reference_to(of, {}));
    });
    return found == stack.end() ? nullptr : &*found;
}

const TouchSpec* touch_of(const StackedPackage* package, std::string_view service) {
    if (package == nullptr) return nullptr;
    const auto& touches = package->manifest.touches;
    const auto found = std::ranges::find(touches, service, &TouchSpec::name);
    return found == touches.end() ? nullptr : &*found;
}

bool share_one(const std::vector<std::string>& some, const std::vector<std::string>& others) {
    return std::ranges::any_of(some, [&](const std::string& each) {
        return std::ranges::find(others, each) != others.end();
    });
}

struct OwnedService {
    PlannedService service;
    const StackedPackage* owner = nullptr;
};

std::vector<OwnedService> owned_services(const PackageStack& stack) {
    std::vector<OwnedService> services;
    for (const auto& package : stack) {
        for (const auto& spec : package.manifest.services) {
            const auto named = [&](const OwnedService& owned) {
                return owned.service.spec.name == spec.name;
            };
            auto place = std::ranges::find_if(services, named);
            if (place == services.end()) place = services.emplace(services.end());
            *place = {.service = {.spec = spec, .owner = label(package.manifest)},
                      .owner = &package};
        }
    }
    for (auto& [service, owner] : services)
        for (const auto& package : stack) {
            const auto* const touch = touch_of(&package, service.spec.name);
            if (touch != nullptr && touch->on_change == OnChange::hook)
                service.after_start.push_back(touch->hook);
        }
    return services;
}

// How strong a way is: the weaker ones are contained in it, but for hooks beside a reload.
int strength(OnChange way) {
    switch (way) {
        case OnChange::none: return 0;
        case OnChange::hook: return 1;
        case OnChange::reload: return 2;
        case OnChange::restart_with_sockets: return 3;
        case OnChange::restart: return 4;
    }
    std::unreachable();
}

// What the change of one package asks of a service.
struct Demand {
    OnChange way = OnChange::none;
    std::string because;
    std::vector<std::string> unhook;  // takes out what the package had loaded into the process
    std::vector<std::string> hook;
};

// The change of the package that brings the service.
std::optional<Demand> owner_demand(const OwnedService& old, const OwnedService& now,
                                   const PackageStack& from, const PackageStack& to) {
    if (old.owner->digest == now.owner->digest) return std::nullopt;
    // Of two owners the one that comes or goes decides. An unchanged one that was below it, and
    // has its service back, was not asked for anything.
    const bool gives_back = by_digest(from, now.owner->digest) != nullptr &&
                            by_digest(to, old.owner->digest) == nullptr;
    const auto& decides = gives_back ? old : now;
    const auto* const successor = same_package(to, decides.owner->manifest);
    const auto& before = old.service.spec;
    const auto& after = now.service.spec;

    Demand demand{.way = decides.service.spec.on_change,
                  .because = label((successor == nullptr ? decides.owner : successor)->manifest)};
    const bool others = before.command != after.command ||
                        before.environment != after.environment || before.listen != after.listen ||
                        before.ready != after.ready;
    const bool with_sockets =
        demand.way == OnChange::restart_with_sockets && before.listen == after.listen;
    // A hook brings a change into a process; none is known that takes it out again.
    const bool no_way_back = gives_back && demand.way == OnChange::hook;
    if (no_way_back || ((others || demand.way == OnChange::restart_with_sockets) && !with_sockets))
        demand.way = OnChange::restart;
    if (demand.way == OnChange::hook) demand.hook = decides.service.spec.hook;
    return demand;
}

// The change of a package that touches the service: `old` goes, `now` comes, or one becomes the
// other.
std::optional<Demand> touch_demand(const StackedPackage* old, const StackedPackage* now,
                                   std::string_view service) {
    const auto* const package = now == nullptr ? old : now;
    if (package == nullptr) return std::nullopt;
    if (old != nullptr && now != nullptr && old->digest == now->digest) return std::nullopt;
    const auto* const before = touch_of(old, service);
    const auto* const after = touch_of(now, service);
    if (before == nullptr && after == nullptr) return std::nullopt;

    Demand demand{.because = label(package->manifest)};
    static const TouchSpec untouched{.on_change = OnChange::none};
    const auto& goes = before == nullptr ? untouched : *before;
    const auto& comes = after == nullptr ? untouched : *after;
    // What goes may need more than what comes. Every kind of restart ends what it had done, so
    // there what comes chooses the kind.
    const bool comes_first = comes.on_change == OnChange::restart_with_sockets ||
                             strength(comes.on_change) >= strength(goes.on_change);
    demand.way = comes_first ? comes.on_change : goes.on_change;
    if (goes.on_change == OnChange::hook) demand.unhook = goes.unhook;
    if (comes.on_change == OnChange::hook) demand.hook = comes.hook;
    return demand;
}

std::vector<Demand> demands_on(const OwnedService& old, const OwnedService& now,
                               const PackageStack& from, const PackageStack& to) {
    std::vector<Demand> demands;
    const auto add = [&](std::optional<Demand> demand) {
        if (demand) demands.push_back(*std::move(demand));
    };
    const std::string_view name = now.service.spec.name;
    add(owner_demand(old, now, from, to));
    for (const auto& package : from)  // what goes, from the top downwards: see below
        if (same_package(to, package.manifest) == nullptr)
            add(touch_demand(&package, nullptr, name));
    for (const auto& package : to)
        add(touch_demand(same_package(from, package.manifest), &package, name));
    return demands;
}

ServiceActionKind kind_of(OnChange way) {
    switch (way) {
        case OnChange::reload: return ServiceActionKind::reload;
        case OnChange::restart: return ServiceActionKind::restart;
        case OnChange::restart_with_sockets: return ServiceActionKind::restart_with_sockets;
        case OnChange::none:
        case OnChange::hook: break;
    }
    return ServiceActionKind::hook;
}

void add_actions(const std::vector<Demand>& demands, const PlannedService& service,
                 std::vector<ServiceAction>& actions) {
    if (demands.empty()) return;
    const auto strongest = std::ranges::max_element(
        demands, {}, [](const Demand& demand) { return strength(demand.way); });
    const ServiceAction whole{.kind = kind_of(strongest->way),
                              .service = service,
                              .command = {},
                              .because = strongest->because};
    // A new process is given everything by what runs after its start.
    if (strength(strongest->way) >= strength(OnChange::restart_with_sockets)) {
        actions.push_back(whole);
        return;
    }
    const auto run = [&](ServiceActionKind kind, const std::vector<std::string>& command,
                         const std::string& because) {
        if (command.empty()) return;
        actions.push_back(
            {.kind = kind, .service = service, .command = command, .because = because});
    };
    for (const auto& demand : demands | std::views::reverse)
        run(ServiceActionKind::unhook, demand.unhook, demand.because);
    if (strongest->way == OnChange::reload) actions.push_back(whole);
    for (const auto& demand : demands) run(ServiceActionKind::hook, demand.hook, demand.because);
}

const OwnedService* find(const std::vector<OwnedService>& services, std::string_view name) {
    const auto found = std::ranges::find_if(
        services, [&](const OwnedService& owned) { return owned.service.spec.name == name; });
    return found == services.end() ? nullptr : &*found;
}

}  // namespace

std::string_view to_string(ServiceActionKind kind) {
    return kActionNames.at(std::to_underlying(kind));
}

std::vector<std::string> waits_for(const StackedPackage& package, const PackageStack& stack,
                                   const std::vector<std::string>& present) {
    const auto& manifest = package.manifest;
    if (manifest.kind == PackageKind::base) return {};
    const auto absent = [&](const std::vector<std::string>& ids) {
        return !ids.empty() && !share_one(ids, present);
    };
    if (absent(manifest.supports)) return manifest.supports;
    const auto& made_for = manifest.compatible.hardware;
    const bool supported = std::ranges::any_of(stack, [&](const StackedPackage& other) {
        return share_one(other.manifest.supports, made_for);
    });
    return absent(made_for) && supported ? made_for : std::vector<std::string>();
}

PackageStack awake(const PackageStack& stack, const std::vector<std::string>& present) {
    PackageStack result;
    std::ranges::copy_if(stack, std::back_inserter(result), [&](const StackedPackage& package) {
        return waits_for(package, stack, present).empty();
    });
    return result;
}

std::vector<PlannedService> services_of(const PackageStack& stack) {
    std::vector<PlannedService> services;
    for (auto& owned : owned_services(stack)) services.push_back(std::move(owned.service));
    return services;
}

std::vector<ServiceAction> service_actions(const PackageStack& from, const PackageStack& to) {
    const auto before = owned_services(from);
    const auto after = owned_services(to);
    std::vector<ServiceAction> actions;
    for (const auto& [service, owner] : before | std::views::reverse) {
        if (find(after, service.spec.name) != nullptr) continue;
        const auto* const successor = same_package(to, owner->manifest);
        actions.push_back({.kind = ServiceActionKind::stop,
                           .service = service,
                           .command = {},
                           .because = label((successor == nullptr ? owner : successor)->manifest)});
    }
    for (const auto& now : after)
        if (const auto* const old = find(before, now.service.spec.name); old != nullptr)
            add_actions(demands_on(*old, now, from, to), now.service, actions);
    for (const auto& now : after)
        if (find(before, now.service.spec.name) == nullptr)
            actions.push_back({.kind = ServiceActionKind::start,
                               .service = now.service,
                               .command = {},
                               .because = now.service.owner});
    return actions;
}

std::string in_words(const std::vector<ServiceAction>& actions) {
    if (actions.empty()) return "no service is concerned";
    std::vector<std::string> words;
    words.reserve(actions.size());
    for (const auto& action : actions)
        words.push_back(fmt::format("{} {}", to_string(action.kind), action.service.spec.name));
    return fmt::format("{}", fmt::join(words, ", "));
}

}  // namespace cutover
