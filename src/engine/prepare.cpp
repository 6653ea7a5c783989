// From a request to a plan, and the preview of one.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "crypto/digest.h"
#include "engine/checks.h"
#include "engine/engine.h"
#include "engine/errors.h"
#include "engine/package_source.h"
#include "engine/ports.h"
#include "engine/stage_scripts.h"
#include "model/operation.h"
#include "model/package_kind.h"
#include "model/plan.h"
#include "model/planner.h"
#include "model/slot.h"
#include "package/tree.h"
#include "platform/layers.h"
#include "transfer/source.h"

namespace cutover {
namespace {

constexpr std::size_t kHashDigits = 8;  // of the plan's SHA-256, as people see and type it
constexpr int kRebootsRemembered = 3;

constexpr std::size_t kMaxPackFiles = 256;

OfferedPackage offered(const std::string& source, const OpenedPackage& package) {
    return {.source = source, .digest = package.digest(), .manifest = package.manifest()};
}

// What is offered again and is not whole here counts as lost, so that it is written anew.
void forget_damaged(const LayerStore& layers, PlanInput& input) {
    std::erase_if(input.at_hand, [&](const OfferedPackage& here) {
        const auto again = std::ranges::find(input.offered, here.digest, &OfferedPackage::digest);
        return again != input.offered.end() && !layers.verify(here.digest);
    });
}

}  // namespace

Result<PlanInput> Engine::snapshot(const Request& request) {
    PlanInput input;
    input.request = request;
    input.marks = TRY(ports_.store.marks());
    input.generations = TRY(ports_.store.generations());
    input.slots = TRY(ports_.store.slots());
    input.active = TRY(ports_.boot.status()).running;
    input.now = ports_.clock.wall();
    input.backs_up = ports_.config.backup.automatic;
    input.versioned_slots = ports_.config.slots_backend == "tree";
    input.depot = TRY(ports_.store.depot());
    input.factory_base = TRY(ports_.store.factory_base());
    if (auto base = ports_.slots.manifest(input.active)) input.base = std::move(*base);
    if (auto base = ports_.slots.manifest(other(input.active))) input.standby = std::move(*base);
    for (const auto& digest : TRY(ports_.layers.layers())) {
        auto manifest = ports_.layers.manifest(digest);
        if (!manifest) {  // it counts as lost: no reason to refuse what mends it, or all else
            ports_.log.warning("a layer cannot be used", {{"error", manifest.error().text()}});
            continue;
        }
        const auto kept = kept_file(digest);
        std::error_code error;
        input.at_hand.push_back(
            {.source = std::filesystem::exists(kept, error) ? kept.string() : std::string(),
             .digest = digest,
             .manifest = *std::move(manifest)});
    }
    std::vector<std::filesystem::path> ini_files;
    ini_files.reserve(ports_.config.ini_files.size());
    for (const auto& file : ports_.config.ini_files) ini_files.push_back(ports_.folder / file);
    input.scripts = TRY(find_stage_scripts(ports_.folder / ports_.config.stage_scripts, ini_files));
    return input;
}

Result<> Engine::open_sources(PlanInput& input, const std::stop_token& stop) {
    if (input.request.kind == OperationKind::restore) return open_backup(input, stop);
    const auto not_before = TRY(ports_.store.newest_signing_time());
    for (const auto& source : input.request.sources) {
        const auto package = TRY(ports_.packages.open(source, not_before, stop));
        if (package->manifest().kind != PackageKind::pack) {
            input.offered.push_back(offered(source, *package));
            continue;
        }
        if (input.request.sources.size() != 1)
            return fail(errors::plan_pack_alone, "{} packages were given",
                        input.request.sources.size());
        input.pack = offered(source, *package);
        TRY(open_pack(input, *package, stop), "open the members of {}", source_name(source));
    }
    return {};
}

// A pack's payload is the files of its members. They are packages like any others: each is opened,
// and its own signature verified.
Result<> Engine::open_pack(PlanInput& input, OpenedPackage& pack, const std::stop_token& stop) {
    const auto id = record_ ? record_->operation.id : 0;
    const auto folder = ports_.folder / "tmp" / fmt::format("operation-{}", id) / "members";
    TRY(remove_tree(folder));
    TRY(make_folders(folder));
    const auto& manifest = pack.manifest();
    const auto need = manifest.payload.installed_bytes;
    if (const auto free = TRY(free_bytes(ports_.folder)); free < need)
        return fail(errors::check_space, "needs {} on {}, has {}: {} are missing", human_size(need),
                    ports_.folder.string(), human_size(free), human_size(need - free));
    const auto content = TRY(pack.content());
    TRY(unpack_tree(*content, folder, {.installed_bytes = need, .on_progress = {}}));
    if (manifest.includes.size() > kMaxPackFiles)
        return fail(errors::operation_pack_members, "it has {} members", manifest.includes.size());
    const auto not_before = TRY(ports_.store.newest_signing_time());
    for (const auto& member : manifest.includes) {
        const auto file = folder / fmt::format("{}-{}{}", member.name, member.version.text(),
                                               file_suffix(member.kind));
        const auto package = TRY(ports_.packages.open(file.string(), not_before, stop));
        if (package->digest() != member.digest)
            return fail(errors::operation_pack_members, "{} is not the package that the pack names",
                        file.filename().string());
        input.offered.push_back(offered(file.string(), *package));
    }
    return {};
}

Result<Engine::Prepared> Engine::prepare(const Request& request, const std::stop_token& stop) {
    Prepared prepared;
    prepared.input = TRY(snapshot(request));
    TRY(open_sources(prepared.input, stop));
    forget_damaged(ports_.layers, prepared.input);
    prepared.plan = TRY(make_plan(prepared.input));
    prepared.hash =
        to_hex(sha256(plan_identity(prepared.input, prepared.plan))).substr(0, kHashDigits);
    return prepared;
}

// What the policy asks for before a plan is carried out.
Result<> Engine::demand_preview(const Prepared& prepared) {
    const auto& wanted = prepared.input.request.plan_hash;
    if (!wanted.empty() && wanted != prepared.hash)
        return fail(errors::operation_plan_changed, "the plan is {} now, not {}", prepared.hash,
                    wanted);
    const bool changes_software = !prepared.plan.target.base.name.empty();
    if (ports_.config.require_preview && changes_software &&
        !TRY(ports_.store.was_previewed(prepared.hash)))
        return fail(errors::operation_needs_preview, "plan {} has not been previewed",
                    prepared.hash);
    return {};
}

std::string Engine::expected_interruption() {
    const auto operations = ports_.store.operations(100);
    if (!operations) return {};
    std::chrono::milliseconds total{0};
    int reboots = 0;
    for (const auto& operation : *operations) {
        if (operation.reboots == 0 || reboots >= kRebootsRemembered) continue;
        total += operation.interruption;
        reboots += operation.reboots;
    }
    if (reboots == 0) return "one reboot";
    return fmt::format("about {} ({} reboot{} before)", human_duration(total / reboots), reboots,
                       reboots == 1 ? "" : "s");
}

Result<Preview> Engine::preview(const Request& request) {
    alive();
    const auto prepared = TRY(prepare(request, renew_stop()));
    Preview preview{.title = prepared.plan.title, .plan_hash = prepared.hash};
    preview.notes = prepared.plan.notes;
    preview.interrupts = prepared.plan.interrupts;
    preview.checks = TRY(run_checks(
        {.ports = ports_, .input = prepared.input, .plan = prepared.plan, .stop = stop_}));
    for (const auto& step : prepared.plan.steps) {
        preview.steps.push_back({.stage = step.stage,
                                 .order = step.order,
                                 .name = step.name,
                                 .description = step.description});
        if (step.kind == StepKind::reboot) preview.interrupts = expected_interruption();
    }
    if (const auto* refusal = first_refusal(preview.checks)) preview.error = *refusal;

    const auto now = ports_.clock.wall();
    for (const auto stage : kStages) {
        note_status(status_file_.entered(now, stage));
        note_status(status_file_.left(now, stage));
    }
    note_status(status_file_.ended(now, "preview",
                                   preview.error
                                       ? fmt::format("preview failed: {}", preview.error->message)
                                       : "preview ended successfully"));
    if (!preview.error)
        TRY(ports_.store.transact(
            [&] { return ports_.store.put_preview(preview.plan_hash, now); }));
    return preview;
}

}  // namespace cutover
