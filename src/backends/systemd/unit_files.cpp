#include "backends/systemd/unit_files.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <expected>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "backends/systemd/units.h"
#include "base/error.h"
#include "base/files.h"
#include "model/manifest.h"
#include "model/service_change.h"
#include "platform/errors.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kOurs = "# Made by cutover at each switch of packages";
constexpr mode_t kMode = 0644;
constexpr std::size_t kMaxUnitBytes = std::size_t{256} * 1024;
constexpr std::string_view kDropIn = "50-cutover.conf";

// In quotes, as systemd.syntax(7) has it; '%' begins a specifier everywhere.
std::string in_quotes(std::string_view text) {
    std::string result = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            result += '\\';
            result += c;
        } else if (c == '%') {
            result += "%%";
        } else if (byte < ' ') {
            result += fmt::format("\\x{:02x}", byte);
        } else {
            result += c;
        }
    }
    return result + "\"";
}

// Of a command line '$' too begins something.
std::string word(std::string_view text) {
    std::string result;
    for (const char c : in_quotes(text)) {
        result += c;
        if (c == '$') result += c;
    }
    return result;
}

std::string command_line(const std::vector<std::string>& command) {
    std::string line;
    for (std::size_t i = 0; i < command.size(); ++i) {
        if (i > 0) line += ' ';
        line += word(i == 0 ? (fs::path("/") / command[i]).string() : command[i]);
    }
    return line;
}

std::string hook_line(const PlannedService& service, const std::vector<std::string>& hook) {
    return fmt::format("ExecStartPost=/usr/bin/env {} CUTOVER_SERVICE_PID=${{MAINPID}} {}\n",
                       word("CUTOVER_SERVICE=" + service.spec.name), command_line(hook));
}

std::string hook_lines(const PlannedService& service) {
    std::string lines;
    for (const auto& hook : service.after_start)
        if (!hook.empty()) lines += hook_line(service, hook);
    return lines;
}

std::string_view type_of(ReadyWhen ready) {
    switch (ready) {
        case ReadyWhen::running: return "Type=exec";
        case ReadyWhen::ended: return "Type=oneshot\nRemainAfterExit=yes";
        case ReadyWhen::notified: return "Type=notify\nNotifyAccess=all";
    }
    std::unreachable();
}

std::string_view restart_of(const ServiceSpec& spec) {
    // A oneshot that has ended well has done its work.
    const bool ends = spec.ready == ReadyWhen::ended;
    switch (spec.restart) {
        case RestartPolicy::always: return ends ? "on-failure" : "always";
        case RestartPolicy::on_failure: return "on-failure";
        case RestartPolicy::never: return "no";
    }
    std::unreachable();
}

std::string socket_name(const std::string& service) { return service + ".socket"; }

// Ours are told by their first line: what somebody else put there stays.
bool is_ours(const fs::path& file) {
    const auto text = read_file(file, kMaxUnitBytes);
    return text && text->starts_with(kOurs);
}

Result<std::vector<fs::path>> files_of_ours(const fs::path& folder) {
    std::vector<fs::path> ours;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
        const auto path = entry->path();
        if (path.extension() == ".d" && is_ours(path / kDropIn)) ours.push_back(path / kDropIn);
        if ((path.extension() == ".service" || path.extension() == ".socket") && is_ours(path))
            ours.push_back(path);
    }
    if (error) return std::unexpected(errno_error(error.value(), "list unit files"));
    return ours;
}

bool is_there(const fs::path& path) {
    std::error_code error;
    return fs::exists(fs::symlink_status(path, error));
}

constexpr std::string_view kUnits = "usr/lib/systemd/system";
constexpr std::string_view kLocalUnits = "etc/systemd/system";  // goes before ours

// Whether a package's service gets a unit of ours.
Result<bool> wants_unit(const UnitFilesPlace& place, const PlannedService& service) {
    const auto unit = unit_name(service.spec.name);
    for (const auto& root : place.packages)
        if (is_there(root / kUnits / unit)) return false;
    const bool named =
        std::ranges::find(place.base_services, service.spec.name) != place.base_services.end();
    for (const auto folder : {kLocalUnits, kUnits}) {
        const bool in_the_way = folder == kLocalUnits || !named;
        if (in_the_way && is_there(place.root / folder / unit))
            return fail(errors::service_change_failed,
                        "{} brings the service {}, and the base has a unit of that name in {}",
                        service.owner, service.spec.name, folder);
    }
    return true;
}

}  // namespace

std::string service_unit(const PlannedService& service,
                         const std::map<std::string, std::string>& environment) {
    const auto& spec = service.spec;
    auto text = fmt::format("{}\n[Unit]\nDescription={} of {}\n\n[Service]\n{}\n", kOurs, spec.name,
                            service.owner, type_of(spec.ready));
    auto variables = environment;
    for (const auto& [name, value] : spec.environment) variables.insert_or_assign(name, value);
    for (const auto& [name, value] : variables)
        text += fmt::format("Environment={}\n", in_quotes(fmt::format("{}={}", name, value)));
    text += fmt::format("ExecStart={}\n{}", command_line(spec.command), hook_lines(service));
    text += fmt::format("WorkingDirectory=/\nRestart={}\nTimeoutStartSec={}ms\n", restart_of(spec),
                        spec.start_timeout.count());
    if (!spec.listen.empty()) text += fmt::format("Sockets={}\n", socket_name(spec.name));
    return text;
}

std::string socket_unit(const PlannedService& service) {
    auto text = fmt::format("{}\n[Unit]\nDescription=Sockets of {} of {}\n\n[Socket]\n", kOurs,
                            service.spec.name, service.owner);
    for (const std::string_view address : service.spec.listen)
        text += fmt::format("ListenStream={}\n", address.substr(address.find(':') + 1));
    return text;
}

std::string after_start_unit(const PlannedService& service) {
    return fmt::format("{}\n[Service]\n{}", kOurs, hook_lines(service));
}

Result<std::vector<std::string>> write_unit_files(const UnitFilesPlace& place,
                                                  const std::vector<PlannedService>& services) {
    TRY(make_folders(place.folder));
    std::map<fs::path, std::string> wanted;
    std::vector<std::string> names;
    for (const auto& service : services) {
        const auto unit = unit_name(service.spec.name);
        const bool of_base = service.owner == place.base;
        if (!of_base) names.push_back(service.spec.name);
        if (of_base || !TRY(wants_unit(place, service))) {
            if (!service.after_start.empty())
                wanted[place.folder / (unit + ".d") / kDropIn] = after_start_unit(service);
            continue;
        }
        wanted[place.folder / unit] = service_unit(service, place.environment);
        if (!service.spec.listen.empty())
            wanted[place.folder / socket_name(service.spec.name)] = socket_unit(service);
    }
    for (const auto& file : TRY(files_of_ours(place.folder)))
        if (!wanted.contains(file)) TRY(remove_tree(file));
    for (const auto& [file, text] : wanted) {
        TRY(make_folders(file.parent_path()));
        TRY(write_file_durably(file, text, kMode));
    }
    return names;
}

}  // namespace cutover
