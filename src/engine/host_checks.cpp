// What packages need of the host that their instance runs on, and whether there is a way back.

#include "engine/host_checks.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <sys/stat.h>
#include <sys/types.h>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <fmt/format.h>

#include "backup/backup_folder.h"
#include "base/clock.h"
#include "base/error.h"
#include "crypto/algorithms.h"
#include "engine/backup_places.h"
#include "engine/checks.h"
#include "engine/errors.h"
#include "engine/ports.h"
#include "model/backups.h"
#include "model/host_needs.h"
#include "model/manifest.h"
#include "model/operation.h"
#include "model/package_kind.h"
#include "model/plan.h"
#include "model/planner.h"
#include "model/version.h"
#include "platform/device_folder.h"
#include "platform/host_facts.h"

namespace cutover {
namespace {

CheckResult refused(const ErrorInfo& info, const std::string& detail) {
    return {.verdict = CheckVerdict::refused, .detail = detail, .error = make_error(info, detail)};
}

std::string name_of(const Manifest& manifest) {
    return fmt::format("{} {}", manifest.name, manifest.version.text());
}

std::string wanted_text(const VersionRange& wanted) { return wanted.any() ? "" : wanted.text(); }

std::string joined(std::string name, const std::string& version) {
    return version.empty() ? name : fmt::format("{} {}", name, version);
}

// Empty where the system is one of those that the package is for.
std::string wrong_os(const Manifest& manifest, const std::optional<OperatingSystem>& here) {
    const auto& wanted = manifest.host.os;
    if (wanted.empty()) return {};
    if (here) {
        const auto found = wanted.find(here->id);
        const auto version = leading_version(here->version);
        const bool fits = found != wanted.end() &&
                          (found->second.any() || (version && found->second.accepts(*version)));
        if (fits) return {};
    }
    std::vector<std::string> names;
    names.reserve(wanted.size());
    for (const auto& [id, versions] : wanted) names.push_back(joined(id, wanted_text(versions)));
    return fmt::format("{} needs {}, the host runs {}", name_of(manifest), fmt::join(names, " or "),
                       here ? joined(here->id, here->version) : "what no os-release names");
}

std::string wrong_kernel(const Manifest& manifest, const std::string& here) {
    const auto& wanted = manifest.host.kernel;
    if (wanted.any()) return {};
    const auto version = leading_version(here);
    if (version && wanted.accepts(*version)) return {};
    return fmt::format("{} needs a kernel {}, the host runs {}", name_of(manifest), wanted.text(),
                       here.empty() ? "an unknown one" : here);
}

struct Findings {
    std::vector<std::string> fine;
    std::vector<std::string> unsure;
    std::vector<std::string> missing;

    CheckResult result(const ErrorInfo& info) const {
        if (!missing.empty()) return refused(info, fmt::format("{}", fmt::join(missing, "; ")));
        if (!unsure.empty())
            return {.verdict = CheckVerdict::warning,
                    .detail = fmt::format("{}", fmt::join(unsure, "; "))};
        if (fine.empty()) return {.detail = "none needed"};
        return {.detail = fmt::format("{}", fmt::join(fine, ", "))};
    }
};

void look_at_library(const Manifest& manifest, const std::string& soname,
                     const VersionRange& wanted, const std::optional<FoundLibrary>& found,
                     Findings& findings) {
    const auto need = joined(soname, wanted_text(wanted));
    if (!found) {
        findings.missing.push_back(
            fmt::format("{} needs {}, the host has none", name_of(manifest), need));
    } else if (wanted.any()) {
        findings.fine.push_back(soname);
    } else if (!found->version) {
        findings.unsure.push_back(fmt::format("{} needs {}, the version of {} cannot be told",
                                              name_of(manifest), need, found->file.string()));
    } else if (!wanted.accepts(*found->version)) {
        findings.missing.push_back(fmt::format("{} needs {}, the host has {}", name_of(manifest),
                                               need, found->version->text()));
    } else {
        findings.fine.push_back(joined(soname, found->version->text()));
    }
}

// Why it is no key; empty when it is one. What is in it is nobody's business here.
std::string key_problem(const std::filesystem::path& file) {
    constexpr std::int64_t kMaxKey = std::int64_t{64} * 1024;
    constexpr mode_t kOthers = 077;
    struct stat info{};
    if (::lstat(file.c_str(), &info) != 0) return "is missing";
    if (!S_ISREG(info.st_mode)) return "is no file";
    if (info.st_size == 0) return "is empty";
    if (info.st_size > kMaxKey) return "is longer than 64 KiB";
    if ((info.st_mode & kOthers) != 0) return "can be read by others than its owner";
    return {};
}

}  // namespace

bool has_host_needs(const CheckContext& context) {
    return std::ranges::any_of(written_packages(context),
                               [](const Manifest* manifest) { return !manifest->host.none(); });
}

CheckResult check_os(const CheckContext& context) {
    const auto here = operating_system(context.ports.host.system());
    const auto kernel = kernel_release();
    Findings findings;
    for (const auto* const manifest : written_packages(context))
        for (auto& problem : {wrong_os(*manifest, here), wrong_kernel(*manifest, kernel)})
            if (!problem.empty()) findings.missing.push_back(problem);
    findings.fine.push_back(here ? joined(here->id, here->version) : "not known");
    findings.fine.push_back("kernel " + kernel);
    return findings.result(errors::check_os);
}

CheckResult check_libraries(const CheckContext& context) {
    Findings findings;
    for (const auto* const manifest : written_packages(context))
        for (const auto& [soname, wanted] : manifest->host.libraries)
            look_at_library(*manifest, soname, wanted,
                            find_library(context.ports.host.system(), soname), findings);
    return findings.result(errors::check_libraries);
}

CheckResult check_keys(const CheckContext& context) {
    const auto keyring = context.ports.folder / kKeyring;
    Findings findings;
    for (const auto* const manifest : written_packages(context))
        for (const auto& key : manifest->host.keys) {
            const auto problem = key_problem(keyring / key);
            if (problem.empty())
                findings.fine.push_back(key);
            else
                findings.missing.push_back(fmt::format("{} needs the key {}, {} {}",
                                                       name_of(*manifest), key,
                                                       (keyring / key).string(), problem));
        }
    return findings.result(errors::check_keys);
}

CheckResult check_algorithms(const CheckContext& context) {
    Findings findings;
    for (const auto* const manifest : written_packages(context))
        for (const auto& algorithm : manifest->host.algorithms) {
            if (offers_algorithm(algorithm))
                findings.fine.push_back(algorithm);
            else
                findings.missing.push_back(fmt::format(
                    "{} needs {}, OpenSSL here does not offer it", name_of(*manifest), algorithm));
        }
    return findings.result(errors::check_algorithms);
}

CheckResult check_payload(const CheckContext& context) {
    for (const auto* const manifest : written_packages(context)) {
        if (manifest->kind != PackageKind::base) continue;
        if (const auto taken = context.ports.slots.takes(*manifest); !taken)
            return {.verdict = CheckVerdict::refused,
                    .detail = taken.error().message,
                    .error = taken.error()};
    }
    return {.detail = "a tree of files"};
}

// One that the operation makes is made, and a failure to do so ends it, before anything is changed.
CheckResult check_backup(const CheckContext& context) {
    const auto& ports = context.ports;
    const auto& steps = context.plan.steps;
    if (std::ranges::find(steps, StepKind::create_backup, &Step::kind) != steps.end())
        return {.detail = "one is made before anything is changed"};
    const BackupFolder folder(backup_places(ports));
    const auto backups = folder.list();
    if (!backups) return refused(errors::check_backup, backups.error().text());
    if (backups->empty())
        return refused(errors::check_backup,
                       "there is none, and [backup] automatic = false makes none");
    const auto& newest = backups->back().name;
    const auto backup = folder.verify(newest);
    if (!backup)
        return refused(errors::check_backup, fmt::format("{}: {}", newest, backup.error().text()));
    const auto here = device_uuid(ports.folder);
    if (here && backup->uuid != *here)
        return refused(errors::check_backup,
                       fmt::format("{} is of another device ({})", newest, backup->device));
    const auto& generations = context.input.generations;
    const auto* const running = find_generation(generations, context.input.marks.running);
    if (running &&
        (backup->base.name != running->base.name || backup->base.version != running->base.version))
        return refused(errors::check_backup,
                       fmt::format("{} is of {} {}, the device runs {} {}", newest,
                                   backup->base.name, backup->base.version.text(),
                                   running->base.name, running->base.version.text()));
    return {.detail = fmt::format("{} is whole, made {}", newest, to_iso8601(backup->made))};
}

}  // namespace cutover
