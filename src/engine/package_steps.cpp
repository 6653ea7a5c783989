// The steps that concern packages on top of the base, and how they are undone.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/byte_source.h"
#include "base/clock.h"
#include "base/counted.h"
#include "base/error.h"
#include "base/fault.h"
#include "engine/engine.h"
#include "engine/package_source.h"
#include "engine/ports.h"
#include "engine/stack.h"
#include "engine/watched_source.h"
#include "model/generation.h"
#include "model/operation.h"
#include "model/package_kind.h"
#include "model/plan.h"
#include "model/planner.h"
#include "model/service_change.h"
#include "model/slot.h"
#include "platform/layers.h"

namespace cutover {
namespace {

using std::chrono::milliseconds;

// Of a package that brings nothing but its manifest.
class NoContent final : public ByteSource {
public:
    Result<std::size_t> read(std::span<std::byte> /*buffer*/) override { return std::size_t{0}; }
};

}  // namespace

const Generation& Engine::kept_generation() const {
    const auto& plan = record_->plan;
    return plan.startup ? *plan.startup : plan.target;
}

// What runs is the base in this slot with these packages on it.
Result<bool> Engine::runs(const Generation& generation) const {
    return TRY(ports_.boot.status()).running == generation.slot &&
           ports_.layers.shown() == layers_of(generation);
}

Result<Engine::Done> Engine::write_layer(const Step& step) {
    const auto& layers = record_->plan.layers;
    const auto layer = std::ranges::find(
        layers, step.argument, [](const PlannedLayer& one) { return one.package.digest; });
    CUTOVER_CHECK(layer != layers.end());
    const auto named = fmt::format("{} {}", layer->package.name, layer->package.version.text());
    auto package = TRY(open_planned(layer->source, layer->package.digest, copy_to_begin()));
    LayerStack beneath;
    for (const auto& below : record_->plan.target.packages) {
        if (below.digest == layer->package.digest) break;
        beneath.push_back(below.digest);
    }
    const auto total = package->manifest().payload.content_bytes;
    if (package->manifest().payload.type == PayloadType::none) {
        NoContent nothing;
        TRY(ports_.layers.write(layer->package.digest, package->manifest(), nothing, beneath));
        keep_copy(*package);
        return Done{.detail = named};
    }
    auto content = TRY(package->content());
    WatchedSource watched(*content, watch(total, fmt::format("write {}", layer->package.name)));
    TRY(ports_.layers.write(layer->package.digest, package->manifest(), watched, beneath),
        "write {}", named);
    const bool written = watched.done() != 0;
    content.reset();  // its thread reads ahead
    if (!written) return Done{.detail = named + " is on the device already"};
    keep_copy(*package);
    return Done{.detail = fmt::format("{}, {}", named, human_size(total)),
                .writes = [this, signed_at = package->signed_at()] {
                    return note_signing_time(signed_at);
                }};
}

Result<Engine::Done> Engine::prepare_view() {
    TRY(ports_.layers.prepare(layers_of(record_->plan.target)));
    return Done{.detail = counted(record_->plan.target.packages.size(), "package") + " on top"};
}

// Shows `to` and takes the services there.
Result<std::string> Engine::switch_to(const LayerStack& from, const LayerStack& to) {
    const auto slot = TRY(ports_.boot.status()).running;
    const auto all =
        service_actions(TRY(read_stack(ports_, slot, from)), TRY(read_stack(ports_, slot, to)));
    // The programs that take a patch out of a process go with the patch: they run before that.
    std::vector<ServiceAction> before;
    std::vector<ServiceAction> actions;
    for (const auto& action : all)
        (action.kind == ServiceActionKind::unhook ? before : actions).push_back(action);
    alive();
    TRY(ports_.services.change(before, stop_));
    const auto begun = ports_.clock.steady();
    fault_point("step.switch");
    TRY(ports_.layers.show(to));
    fault_point("step.switched");
    alive();
    TRY(ports_.services.change(actions, stop_));
    const auto took = std::chrono::duration_cast<milliseconds>(ports_.clock.steady() - begun);
    const bool interrupts = std::ranges::any_of(all, [](const ServiceAction& action) {
        return action.kind == ServiceActionKind::stop || action.kind == ServiceActionKind::restart;
    });
    // At least something, however quick it was.
    if (record_ && interrupts) record_->operation.interruption += std::max(took, milliseconds(1));
    return all.empty() ? in_words(all) : fmt::format("{} in {} ms", in_words(all), took.count());
}

Result<Engine::Done> Engine::switch_view() {
    const auto& target = record_->plan.target;
    const auto detail = TRY(switch_to(ports_.layers.shown(), layers_of(target)));
    TRY(use_configuration());
    return Done{.detail = detail,
                .writes = [this]() -> Result<> {
                    auto marks = TRY(ports_.store.marks());
                    marks.running = record_->plan.target.id;
                    return ports_.store.set_marks(marks);
                },
                .notes = {{"mark.moved", fmt::format("running: generation {}", target.id)},
                          {"services.changed", detail}}};
}

Result<Engine::Done> Engine::undo_switch() {
    const auto& target = record_->plan.target;
    const auto generations = TRY(ports_.store.generations());
    const auto* const before = find_generation(generations, record_->operation.from);
    CUTOVER_CHECK(before != nullptr);
    std::string detail;
    if (TRY(runs(target))) detail = TRY(switch_to(layers_of(target), layers_of(*before)));
    TRY(look_at_configuration());
    return Done{.detail = detail, .writes = [this, id = before->id]() -> Result<> {
                    auto marks = TRY(ports_.store.marks());
                    const bool moved = marks.running == record_->plan.target.id;
                    if (moved) marks.running = id;
                    return ports_.store.set_marks(marks);
                }};
}

Result<Engine::Done> Engine::hold() {
    return Done{.detail = "until `cutover patch run` or the next boot",
                .writes = [this]() -> Result<> {
                    record_->committed = true;
                    return put_depot();
                }};
}

Result<Engine::Done> Engine::record_packages() {
    return Done{.writes = [this]() -> Result<> {
        record_->committed = true;
        return put_depot();
    }};
}

Result<> Engine::put_depot() {
    const auto& depot = record_->plan.depot;
    return depot ? ports_.store.put_depot(*depot) : Result<>();
}

// Layers that no generation and no list refers to. What stays is a nuisance, and no reason to hold
// an operation up.
Result<> Engine::forget_layers() {
    std::set<std::string> needed;
    const auto need = [&](const std::vector<PackageRef>& packages) {
        for (const auto& package : packages) needed.insert(package.digest);
    };
    const auto marks = TRY(ports_.store.marks());
    std::vector<LayerStack> views;
    for (const auto& generation : TRY(ports_.store.generations())) {
        if (generation.kept) need(generation.packages);
        const bool marked = generation.id == marks.running || generation.id == marks.committed;
        if (marked && generation.slot == TRY(ports_.boot.status()).running)
            views.push_back(layers_of(generation));
    }
    const auto depot = TRY(ports_.store.depot());
    need(depot.obtained);
    need(depot.selected);
    for (const auto slot : {Slot::a, Slot::b}) {
        const auto startup = TRY(ports_.layers.startup(slot));
        needed.insert(startup.committed.begin(), startup.committed.end());
        if (startup.trial) needed.insert(startup.trial->begin(), startup.trial->end());
    }
    const auto shown = ports_.layers.shown();
    needed.insert(shown.begin(), shown.end());
    TRY(ports_.layers.tidy(views));
    for (const auto& digest : TRY(ports_.layers.layers()))
        if (!needed.contains(digest)) TRY(ports_.layers.erase(digest));
    forget_package_files(needed);
    return {};
}

}  // namespace cutover
