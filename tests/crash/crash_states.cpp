// Records every call with which the agent of a real device changes its disk (boot record, database,
// slot, claims, persistent files, notes), in whole operations with their boots, for each boot
// loader. Then looks at the disks that power cuts can leave of them (disk_states.h): each must boot
// a whole base, and know the truth about it. Every n-th is started as well, until it is at rest.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "backends/block/slot_claim.h"
#include "base/error.h"
#include "base/files.h"
#include "disk_call.h"
#include "disk_states.h"
#include "ingredients.h"
#include "life.h"
#include "loader.h"
#include "model/generation.h"
#include "model/operation.h"
#include "model/planner.h"
#include "model/slot.h"
#include "partitions.h"
#include "platform/boot_control.h"
#include "recorder.h"
#include "store/store.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

struct Settings {
    std::string only;  // a part of a loader's name
    int choices = 5;   // of what is kept, after each call
    int recover_every = 40;
    unsigned seed = 1;
    long at_least = 10'000;  // states of each loader
    bool lying_disk = false;
};

struct Story {
    std::string name;
    std::vector<Request> before;  // not recorded
    Request request;
    std::string end;  // what runs when nothing is cut
    bool both_may_run = true;
    bool trials_come_up = true;
};

struct Totals {
    long states = 0;
    long recovered = 0;
    long failures = 0;
};

std::vector<Story> stories(const ImageWorkshop& workshop) {
    const auto upgrade = [&](const char* version) { return upgrade_to(workshop.package(version)); };
    return {{.name = "upgrade", .request = upgrade(kNewVersion), .end = kNewVersion},
            {.name = "upgrade that never comes up",
             .request = upgrade(kNewVersion),
             .end = kOldVersion,
             .trials_come_up = false},
            {.name = "upgrade that fails its checks",
             .request = upgrade(kSickVersion),
             .end = kOldVersion,
             .both_may_run = false},
            {.name = "revert",
             .before = {upgrade(kNewVersion)},
             .request = request_of(OperationKind::revert),
             .end = kOldVersion}};
}

// The version that a slot holds, whole; empty: none.
std::string whole_base(const fs::path& device, Slot slot) {
    static const std::array kVersions{kOldVersion, kNewVersion, kSickVersion};
    static const std::array kImages{ImageWorkshop::image(kOldVersion),
                                    ImageWorkshop::image(kNewVersion),
                                    ImageWorkshop::image(kSickVersion)};
    const auto content = read_file(device / (slot == Slot::a ? "slot-a" : "slot-b"), 1 << 24);
    for (std::size_t i = 0; i < kVersions.size(); ++i)
        if (content && *content == kImages.at(i)) return kVersions.at(i);
    return "";
}

// What must be true of any disk, before an agent has put anything right.
Result<> check_disk(const Machine& machine, const Story& story, bool reported) {
    const auto& device = machine.device;
    const auto booted = TRY(machine.loader.play(device));
    if (booted.reason == BootReason::rescue) return fail(Errc::conflict, "boots into rescue");
    if (whole_base(device, booted.slot).empty())
        return fail(Errc::conflict, "boots slot {}, which holds no base", to_string(booted.slot));
    for (const auto slot : {Slot::a, Slot::b})
        if (const auto claim = read_claim(machine.slots().claims, slot);
            claim && claim->manifest.version.text() != whole_base(device, slot))
            return fail(Errc::conflict, "slot {} claims what it does not hold", to_string(slot));

    const auto boot = TRY(machine.loader.open(device, booted));
    const auto committed_slot = TRY(boot->status()).committed;
    const auto runs = whole_base(device, committed_slot);
    auto store = TRY(Store::open(machine.folder() / "device.db"));
    const auto generations = TRY(store.generations());
    const auto* const committed = find_generation(generations, TRY(store.marks()).committed);
    if (!committed) return fail(Errc::conflict, "nothing is committed");
    if (TRY(store.open_operation())) {
        if (reported) return fail(Errc::conflict, "an operation that was reported is open");
        return {};
    }
    if (committed->slot != committed_slot || committed->base.version.text() != runs)
        return fail(Errc::conflict,
                    "at rest on {} in slot {}, the boot loader starts {} in slot {}",
                    committed->base.version.text(), to_string(committed->slot), runs,
                    to_string(committed_slot));
    const auto last = TRY(store.last_operation());
    const bool over = last == static_cast<OperationId>(story.before.size()) + 1;
    if (over && runs != story.end) return fail(Errc::conflict, "reported, and {} runs", runs);
    if (reported && !over) return fail(Errc::conflict, "what was reported is forgotten");
    return {};
}

// What must be true of a device that was started again and has come to rest.
Result<> check_recovered(const Machine& machine, const Story& story, bool reported) {
    TRY(machine.settle());
    const auto& device = machine.device;
    const auto booted = TRY(machine.loader.play(device));
    const auto runs = whole_base(device, booted.slot);
    auto store = TRY(Store::open(machine.folder() / "device.db"));
    if (TRY(store.open_operation())) return fail(Errc::conflict, "an operation is left open");
    const auto generations = TRY(store.generations());
    const auto marks = TRY(store.marks());
    const auto* const committed = find_generation(generations, marks.committed);
    if (!committed || marks.running != marks.committed || marks.startup != marks.committed)
        return fail(Errc::conflict, "the marks differ");
    if (committed->base.version.text() != runs || committed->slot != booted.slot)
        return fail(Errc::conflict, "{} is committed, {} runs", committed->base.version.text(),
                    runs);
    const bool may_run = runs == story.end || (story.both_may_run && !reported);
    if (!may_run || runs == kSickVersion) return fail(Errc::conflict, "{} must not run", runs);
    const auto persist = machine.slots().persist / (booted.slot == Slot::a ? "a" : "b");
    if (TRY(read_file(persist / "etc/nos.conf", 1000)) != kUserSetting)
        return fail(Errc::conflict, "the user's settings are lost");
    return {};
}

struct Recorded {
    DiskImage start;
    std::vector<DiskCall> calls;
};

Result<> run_to_rest(const Machine& machine, const Request& request) {
    auto end = TRY(machine.live(request));
    if (end == LifeEnd::reboot) TRY(machine.settle());
    return {};
}

// Plays the story without a cut; the recording must lead to the very disk that it left.
Result<Recorded> record(Machine machine, const Story& story) {
    TRY(machine.workshop.make_device(machine.loader, machine.device));
    for (const auto& request : story.before) TRY(run_to_rest(machine, request));
    machine.trials_come_up = story.trials_come_up;
    Recorded recorded{.start = TRY(DiskImage::read(machine.device)), .calls = {}};
    start_recording(machine.device);
    const auto done = run_to_rest(machine, story.request);
    recorded.calls = stop_recording();
    if (!done) return std::unexpected(done.error());
    TRY(check_disk(machine, story, true), "without a cut");
    auto replayed = recorded.start;
    for (const auto& call : recorded.calls) replayed.apply(call);
    if (const auto differs = replayed.difference(TRY(DiskImage::read(machine.device)));
        !differs.empty())
        return fail(Errc::conflict, "the recording is not whole: {}", differs);
    return recorded;
}

// Keeps the disk of a failure as it was before anybody started it.
void tell_failure(const CrashState& state, const Machine& machine, const std::string& story,
                  const Error& error, long number) {
    const auto kept = machine.device.parent_path() / fmt::format("failed-{}", number);
    if (number <= 10) (void)state.image.write(kept, nullptr);
    fmt::print(stderr, "FAILED: {}, {}: power cut after call {}: {} ({})\n", machine.loader.name(),
               story, state.calls, error.text(), number <= 10 ? kept.string() : "not kept");
}

Result<Totals> look_at(const ImageWorkshop& workshop, const Loader& loader, const Story& story,
                       const Settings& settings, const fs::path& place) {
    const auto begun = std::chrono::steady_clock::now();
    auto recorded =
        TRY(record({.workshop = workshop, .loader = loader, .device = place / "device"}, story));
    const auto count = recorded.calls.size();
    if (settings.lying_disk)
        std::erase_if(recorded.calls,
                      [](const DiskCall& call) { return call.kind >= DiskCall::Kind::sync; });
    const Machine machine{.workshop = workshop, .loader = loader, .device = place / "cut"};
    CrashStates states(std::move(recorded.start), std::move(recorded.calls), {"boot"});
    std::mt19937 random(settings.seed);
    Totals totals;
    std::optional<DiskImage> before;
    std::optional<Error> broken;
    states.for_each(random, settings.choices, [&](const CrashState& state) {
        const auto written = state.image.write(machine.device, before ? &*before : nullptr);
        if (!written) broken = written.error();
        before = state.image;
        auto sound = check_disk(machine, story, state.reported);
        if (sound && totals.states % settings.recover_every == 0) {
            sound = state.image.write(machine.device, nullptr);
            if (sound) sound = check_recovered(machine, story, state.reported);
            before.reset();
            ++totals.recovered;
        }
        ++totals.states;
        if (!sound && ++totals.failures > 0 && !settings.lying_disk)
            tell_failure(state, machine, story.name, sound.error(), totals.failures);
        return !broken && totals.failures < (settings.lying_disk ? 1 : 100);
    });
    if (broken) return std::unexpected(*broken);
    const auto took = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun);
    fmt::print("{:12} {:30} {:5} calls, {:6} states, {:5} started, {} failures, {:.1f} s\n",
               loader.name(), story.name, count, totals.states, totals.recovered, totals.failures,
               took.count());
    std::fflush(stdout);
    return totals;
}

Result<Totals> look_at(const Loader& loader, const Settings& settings, const fs::path& folder) {
    const auto workshop = TRY(ImageWorkshop::open(folder / "packages"));
    Totals all;
    int number = 0;
    for (const auto& story : stories(workshop)) {
        const auto place = folder / fmt::format("story-{}", ++number);
        const auto one = TRY(look_at(workshop, loader, story, settings, place), "{}", story.name);
        all.states += one.states;
        all.recovered += one.recovered;
        all.failures += one.failures;
        if (one.failures == 0 || settings.lying_disk) TRY(remove_tree(place));
    }
    fmt::print("{:12} {} states, {} of them started, {} failures\n", loader.name(), all.states,
               all.recovered, all.failures);
    if (!settings.lying_disk && all.states < settings.at_least)
        return fail(Errc::conflict, "{} states are fewer than {}", all.states, settings.at_least);
    return all;
}

// Each loader in a process of its own. The number of those that failed.
int run(const Settings& settings, const fs::path& folder) {
    std::vector<pid_t> workers;
    int failed = 0;
    for (const auto& loader : all_loaders()) {
        if (loader->name().find(settings.only) == std::string::npos) continue;
        std::fflush(nullptr);
        const pid_t worker = ::fork();
        if (worker == 0) {
            const auto totals = look_at(*loader, settings, folder / loader->name());
            if (!totals)
                fmt::print(stderr, "FAILED: {}: {}\n", loader->name(), totals.error().text());
            std::fflush(nullptr);
            ::_exit(totals && (totals->failures > 0) == settings.lying_disk ? 0 : 1);
        }
        workers.push_back(worker);
    }
    for (const auto worker : workers) {
        int status = 0;
        const bool ended = worker > 0 && ::waitpid(worker, &status, 0) == worker;
        failed += ended && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
    }
    return workers.empty() ? 1 : failed;
}

}  // namespace
}  // namespace cutover

int main(int argc, char** argv) {
    try {
        cutover::Settings settings;
        std::string parent = std::filesystem::exists("/dev/shm") ? "/dev/shm" : "/tmp";
        CLI::App app{"Looks at the disks that power cuts can leave of the agent's own writes."};
        app.add_option("--only", settings.only, "Boot loaders whose name holds this");
        app.add_option("--choices", settings.choices, "Of what is kept, after each call")
            ->check(CLI::Range(0, 100'000));
        app.add_option("--recover-every", settings.recover_every, "Start each n-th")
            ->check(CLI::Range(1, 1'000'000));
        app.add_option("--seed", settings.seed, "Of the choices");
        app.add_option("--at-least", settings.at_least, "States of each loader");
        app.add_option("--folder", parent, "Where the devices are made");
        app.add_flag("--lying-disk", settings.lying_disk,
                     "Nothing is ever synced: succeeds when that is noticed");
        CLI11_PARSE(app, argc, argv);
        const auto folder =
            std::filesystem::canonical(parent) / ("crash-states-" + std::to_string(::getpid()));
        const int failed = cutover::run(settings, folder);
        if (failed > 0) {
            fmt::print(stderr, "what failed is in {}\n", folder.string());
            return EXIT_FAILURE;
        }
        std::error_code error;
        std::filesystem::remove_all(folder, error);
        return EXIT_SUCCESS;
    } catch (const std::exception& problem) {  // CLI11 and fmt throw; nothing of ours does
        std::fputs(problem.what(), stderr);
        return EXIT_FAILURE;
    }
}
