// Carries out each scenario once to count the fault points of every life of the agent, then again
// and again, killed at each point in turn; each time once with, and once without, a second kill
// during the recovery. Afterwards the device must be sound and take an upgrade.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <sys/wait.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "base/files.h"
#include "ingredients.h"
#include "life.h"
#include "model/operation.h"
#include "scenario.h"
#include "verdict.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

// One life in a scenario that nothing cuts: the device as it was before it, and the points in it.
struct Chapter {
    fs::path before;
    std::optional<Request> request;
    std::vector<std::string> points;
    ConfigAct act = {.act = {}, .rates = {"1000"}};
};

struct Settings {
    std::string only;  // a part of a scenario's name
    int jobs = 3 * static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    int every = 1;  // of the points, each n-th
};

Result<> copy_device(const fs::path& from, const fs::path& to) {
    TRY(remove_tree(to));
    std::error_code error;
    fs::copy(from, to, fs::copy_options::recursive | fs::copy_options::copy_symlinks, error);
    if (error) return std::unexpected(errno_error(error.value(), "copy " + from.string()));
    return {};
}

std::vector<std::string> lines_of(const fs::path& file) {
    std::vector<std::string> lines;
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

// Plays the scenario to its end, keeping the device as it was before each life.
Result<std::vector<Chapter>> play(const Workshop& workshop, const Scenario& scenario,
                                  const fs::path& folder) {
    const auto device = folder / "device";
    TRY(workshop.make_device(device, scenario.version, scenario.standby, scenario.folders));
    if (scenario.prepare) TRY(scenario.prepare(device));
    std::vector<Chapter> chapters;
    for (const auto& request : scenario.requests) {
        std::optional<Request> next = request;
        for (auto end = LifeEnd::reboot; end == LifeEnd::reboot; next.reset()) {
            auto& chapter = chapters.emplace_back();
            chapter.before = folder / fmt::format("before-{}", chapters.size());
            chapter.request = next;
            TRY(copy_device(device, chapter.before));
            const auto trace = folder / "trace";
            TRY(remove_tree(trace));
            end = live(device, next, {.trace = trace});
            chapter.points = lines_of(trace);
            if (end != LifeEnd::idle && end != LifeEnd::reboot)
                return fail(Errc::conflict, "{} does not even work uncut", scenario.name);
        }
    }
    for (const auto& act : scenario.acts) {
        auto& chapter = chapters.emplace_back();
        chapter.before = folder / fmt::format("before-{}", chapters.size());
        chapter.act = act;
        TRY(copy_device(device, chapter.before));
        const auto trace = folder / "trace";
        TRY(remove_tree(trace));
        if (live(device, std::nullopt, {.trace = trace}, act.act) != LifeEnd::idle)
            return fail(Errc::conflict, "{} does not even work uncut", scenario.name);
        chapter.points = lines_of(trace);
    }
    // Without a boot after it what runs is the last act's; a boot begins with what was saved.
    if (!scenario.acts.empty() && !recover(device))
        return fail(Errc::conflict, "{} does not boot uncut", scenario.name);
    auto rates = chapters.back().act.rates;
    if (rates.size() > 1) rates.erase(rates.begin(), rates.end() - 1);
    if (!is_sound(device, {scenario.may_run.back()}, rates))
        return fail(Errc::conflict, "{} does not end as it should uncut", scenario.name);
    return chapters;
}

struct Cut {
    const Chapter& chapter;
    long at;
    long again_at;  // in the first life of the recovery; 0: not at all
};

bool survives(const Workshop& workshop, const Scenario& scenario, const Cut& cut,
              const fs::path& device) {
    if (!copy_device(cut.chapter.before, device)) return false;
    if (live(device, cut.chapter.request, {.at = cut.at}, cut.chapter.act.act) != LifeEnd::killed) {
        fmt::print(stderr, "  the point was not reached\n");
        return false;
    }
    return recover(device, {.at = cut.again_at}) &&
           (!scenario.check || live(device, std::nullopt, {}, scenario.check) == LifeEnd::idle) &&
           is_sound(device, scenario.may_run, cut.chapter.act.rates) &&
           takes_upgrade(device, workshop.package("1.3.0"), "1.3.0");
}

// One worker's share of the cuts; the number of failures, at most 100.
int sweep(const Workshop& workshop, const Scenario& scenario, const std::vector<Cut>& cuts,
          const fs::path& device) {
    int failures = 0;
    for (const auto& cut : cuts) {
        if (survives(workshop, scenario, cut, device)) continue;
        ++failures;
        fmt::print(stderr, "FAILED: {}: life {}, point {} ({}){}\n", scenario.name,
                   cut.chapter.before.filename().string(), cut.at,
                   cut.chapter.points.at(static_cast<std::size_t>(cut.at - 1)),
                   cut.again_at == 0 ? "" : fmt::format(", again at {}", cut.again_at));
        std::error_code error;
        fs::copy(device, device.parent_path() / fmt::format("failed-{}-{}", cut.at, cut.again_at),
                 fs::copy_options::recursive | fs::copy_options::copy_symlinks, error);
    }
    return std::min(failures, 100);
}

// Shares the cuts among processes, for the lives are processes too and mostly wait.
int sweep_in_parallel(const Workshop& workshop, const Scenario& scenario,
                      const std::vector<Cut>& cuts, const fs::path& folder, int jobs) {
    std::vector<pid_t> workers;
    for (int job = 0; job < jobs; ++job) {
        std::vector<Cut> share;
        for (std::size_t i = static_cast<std::size_t>(job); i < cuts.size();
             i += static_cast<std::size_t>(jobs))
            share.push_back(cuts[i]);
        std::fflush(nullptr);
        const pid_t worker = ::fork();
        if (worker == 0) {
            const int failures =
                sweep(workshop, scenario, share, folder / fmt::format("cut-{}", job));
            std::fflush(nullptr);
            ::_exit(failures);
        }
        if (worker > 0) workers.push_back(worker);
    }
    int failures = workers.size() < static_cast<std::size_t>(jobs) ? 1 : 0;
    for (const auto worker : workers) {
        int status = 0;
        ::waitpid(worker, &status, 0);
        failures += WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    }
    return failures;
}

std::vector<Cut> all_cuts(const std::vector<Chapter>& chapters, int every) {
    constexpr long kRecoveryPoints = 60;  // about as many as a recovery has
    std::vector<Cut> cuts;
    for (const auto& chapter : chapters)
        for (long at = 1; at <= static_cast<long>(chapter.points.size()); at += every) {
            cuts.push_back({.chapter = chapter, .at = at, .again_at = 0});
            cuts.push_back(
                {.chapter = chapter, .at = at, .again_at = 1 + at * 37 % kRecoveryPoints});
        }
    return cuts;
}

struct Totals {
    std::size_t points = 0;
    std::size_t cuts = 0;
    int failures = 0;
};

Result<Totals> run(const Settings& settings, const fs::path& folder) {
    const auto workshop = TRY(Workshop::open(folder / "packages"), "build the releases");
    Totals totals;
    int number = 0;
    for (const auto& scenario : scenarios(workshop)) {
        if (scenario.name.find(settings.only) == std::string::npos) continue;
        const auto begun = std::chrono::steady_clock::now();
        const auto place = folder / fmt::format("scenario-{}", ++number);
        TRY(make_folders(place));
        const auto chapters = TRY(play(workshop, scenario, place));
        const auto cuts = all_cuts(chapters, settings.every);
        const int failures = sweep_in_parallel(workshop, scenario, cuts, place, settings.jobs);
        const auto took = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun);
        fmt::print("{:32} {:4} points in {} lives, {:4} cuts, {} failures, {:.1f} s\n",
                   scenario.name, cuts.size() / 2, chapters.size(), cuts.size(), failures,
                   took.count());
        std::fflush(stdout);
        totals.points += cuts.size() / 2;
        totals.cuts += cuts.size();
        totals.failures += failures;
        if (failures == 0) TRY(remove_tree(place));
    }
    return totals;
}

}  // namespace
}  // namespace cutover

int main(int argc, char** argv) {
    try {
        cutover::Settings settings;
        std::string parent = std::filesystem::exists("/dev/shm") ? "/dev/shm" : "/tmp";
        bool keep = false;
        CLI::App app{"Kills the agent of a device at every fault point of every scenario."};
        app.add_option("--only", settings.only, "Scenarios whose name holds this");
        app.add_option("--jobs", settings.jobs, "Processes at work; they mostly wait")
            ->check(CLI::Range(1, 64));
        app.add_option("--every", settings.every, "Only each n-th point")
            ->check(CLI::Range(1, 1000));
        app.add_option("--folder", parent, "Where the devices are made");
        app.add_flag("--keep", keep, "Keep the folder");
        CLI11_PARSE(app, argc, argv);
        const auto folder =
            std::filesystem::path(parent) / ("crash-sweep-" + std::to_string(::getpid()));
        const auto totals = cutover::run(settings, folder);
        if (!totals) {
            fmt::print(stderr, "error[{}]: {}\n", totals.error().id, totals.error().text());
            return EXIT_FAILURE;
        }
        fmt::print("{} fault points, {} cuts, {} failures\n", totals->points, totals->cuts,
                   totals->failures);
        if (totals->failures > 0) {
            fmt::print(stderr, "the devices that failed are in {}\n", folder.string());
            return EXIT_FAILURE;
        }
        std::error_code error;
        if (!keep) std::filesystem::remove_all(folder, error);
        return totals->points > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    } catch (const std::exception& problem) {  // CLI11 and fmt throw; nothing of ours does
        std::fputs(problem.what(), stderr);
        return EXIT_FAILURE;
    }
}
