#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/manifest.h"

namespace cutover {

// A service as a stack of packages has it run.
struct PlannedService {
    ServiceSpec spec;
    std::string owner;  // "web 1.1.0": the package that brings it
    // Programs to run after each start, once it is ready: patches that load themselves into it.
    std::vector<std::vector<std::string>> after_start;
    bool operator==(const PlannedService&) const = default;
};

enum class ServiceActionKind : std::uint8_t {
    start,
    stop,
    reload,
    restart,               // the old process has ended when the new one starts
    restart_with_sockets,  // the new one is ready before the old one is asked to end
    hook,                  // `command` is run for the process, which goes on
    unhook,                // the same, and before the view is switched: it is of what goes
};
std::string_view to_string(ServiceActionKind kind);

struct ServiceAction {
    ServiceActionKind kind = ServiceActionKind::start;
    PlannedService service;            // as it is to be; of a stop: as it was
    std::vector<std::string> command;  // of a hook
    std::string because;               // "web 1.1.0": the package that changes it
    bool operator==(const ServiceAction&) const = default;
};

// Packages from the base upwards, each with its identity.
struct StackedPackage {
    std::string digest;
    Manifest manifest;
    bool operator==(const StackedPackage&) const = default;
};
using PackageStack = std::vector<StackedPackage>;

// The hardware ids that a package of the stack waits for: `present` has none of those that it
// supports, or none of those that it is made for although a hardware package supports some. Empty
// when it waits for nothing. A base does not wait; nor does what was forced onto hardware that
// nothing supports.
std::vector<std::string> waits_for(const StackedPackage& package, const PackageStack& stack,
                                   const std::vector<std::string>& present);

// The packages of the stack that wait for no hardware. The others lie in the view, and that is all:
// no service, health check or touch of theirs counts until one of the ids is present.
PackageStack awake(const PackageStack& stack, const std::vector<std::string>& present);

// The services of a stack, in the order in which they start. A package's service takes the place
// of one of the same name below it.
std::vector<PlannedService> services_of(const PackageStack& stack);

// What takes the services from one stack to another on the same base. A service that the change
// does not concern is not in it. For each service the strongest way that a changed package asks for
// counts: restart, then restart with sockets, then reload; and one whose command, environment,
// sockets or readiness are others is restarted whatever its package says. A process that goes on
// runs the hooks as well: first `unhook` of what goes, from the top downwards, then a reload, then
// `hook` of what comes. Of two packages that bring a service, one in place of the other, the one
// that comes or goes says how. New services start last, old ones stop first, the last started one
// before the others.
// "reload web, restart bgp"; that no service is concerned, where that is so.
std::string in_words(const std::vector<ServiceAction>& actions);

std::vector<ServiceAction> service_actions(const PackageStack& from, const PackageStack& to);

}  // namespace cutover
