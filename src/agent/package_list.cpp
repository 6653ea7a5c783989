#include "agent/package_list.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <fmt/format.h>

#include "base/error.h"
#include "engine/ports.h"
#include "model/device.h"
#include "model/generation.h"
#include "model/manifest.h"
#include "model/plan.h"
#include "model/planner.h"
#include "model/service_change.h"
#include "model/side_by_side.h"

namespace cutover {
namespace {

bool holds(const std::vector<PackageRef>& packages, const std::string& digest) {
    return std::ranges::find(packages, digest, &PackageRef::digest) != packages.end();
}

class List {
public:
    List(const Ports& ports, Depot depot) : ports_(ports), depot_(std::move(depot)) {}

    void add_generation(const Generation& generation, bool runs, bool starts) {
        for (const auto& package : generation.packages) {
            const bool leaves = is_among(depot_.deselected, package);
            add(package, runs && leaves   ? PackageState::leaving
                         : runs && starts ? PackageState::running
                         : runs           ? PackageState::active
                                          : PackageState::next_boot);
        }
    }

    // What of a generation waits for hardware.
    void add_waiting(const Generation& generation, const std::vector<std::string>& present) {
        PackageStack stack;
        for (const auto& package : generation.packages)
            if (auto manifest = ports_.layers.manifest(package.digest))
                stack.push_back({.digest = package.digest, .manifest = *std::move(manifest)});
        for (const auto& package : stack) {
            const auto awaited = waits_for(package, stack, present);
            const auto row =
                std::ranges::find(rows_, package.digest,
                                  [](const PackageStatus& each) { return each.package.digest; });
            if (awaited.empty() || row == rows_.end()) continue;
            row->detail = fmt::format("waits for {}", fmt::join(awaited, " or "));
        }
    }

    void add_obtained() {
        for (const auto& package : depot_.obtained)
            add(package, holds(depot_.selected, package.digest) ? PackageState::selected
                                                                : PackageState::obtained);
    }

    void add_integrated(const Manifest& base) {
        for (const auto& part : base.includes) {
            const auto independent = std::ranges::find_if(rows_, [&](const PackageStatus& row) {
                return row.package.name == part.name && row.state != PackageState::obtained;
            });
            if (independent != rows_.end()) {
                auto& detail = independent->detail;
                detail += fmt::format("{}in place of {} of {} {}", detail.empty() ? "" : "; ",
                                      part.version.text(), base.name, base.version.text());
                continue;
            }
            rows_.push_back(
                {.package =
                     {.kind = part.kind, .name = part.name, .version = part.version, .digest = {}},
                 .state = PackageState::integrated,
                 .summary = {},
                 .services = {},
                 .detail = fmt::format("part of {} {}", base.name, base.version.text())});
        }
    }

    std::vector<PackageStatus> rows() && {
        std::ranges::sort(rows_, {}, [](const PackageStatus& row) {
            return std::tuple(row.package.kind, row.package.name, row.package.version.text());
        });
        return std::move(rows_);
    }

private:
    // The first to tell of a package is right: what runs, then what boots start, then the rest.
    void add(const PackageRef& package, PackageState state) {
        if (std::ranges::find(rows_, package.digest, [](const PackageStatus& row) {
                return row.package.digest;
            }) != rows_.end())
            return;
        PackageStatus row{.package = package, .state = state};
        if (const auto manifest = ports_.layers.manifest(package.digest)) {
            row.summary = manifest->summary;
            for (const auto& service : manifest->services) row.services.push_back(service.name);
            for (const auto& touch : manifest->touches) row.services.push_back(touch.name);
        } else {
            row.detail = manifest.error().message;
        }
        rows_.push_back(std::move(row));
    }

    const Ports& ports_;
    Depot depot_;
    std::vector<PackageStatus> rows_;
};

}  // namespace

Result<std::vector<PackageStatus>> list_packages(const Ports& ports,
                                                 const std::vector<std::string>& present) {
    const auto marks = TRY(ports.store.marks());
    const auto generations = TRY(ports.store.generations());
    const auto* const running = find_generation(generations, marks.running);
    const auto* const startup = find_generation(generations, marks.startup);
    List list(ports, TRY(ports.store.depot()));
    // A package that boots start as well is told of with that first.
    if (running && startup) {
        Generation both = *running;
        std::erase_if(both.packages, [&](const PackageRef& package) {
            return !holds(startup->packages, package.digest);
        });
        list.add_generation(both, true, true);
    }
    if (running) list.add_generation(*running, true, running == startup);
    if (startup) list.add_generation(*startup, false, true);
    list.add_obtained();
    if (startup) list.add_waiting(*startup, present);
    if (running) list.add_waiting(*running, present);
    if (running)
        if (const auto base = ports.slots.manifest(running->slot)) list.add_integrated(*base);
    return std::move(list).rows();
}

}  // namespace cutover
