#include "backends/machine/machine_host.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstddef>
#include <expected>
#include <filesystem>
#include <map>
#include <stop_token>
#include <string>
#include <sys/reboot.h>
#include <unistd.h>
#include <utility>

#include "backends/machine/errors.h"
#include "base/error.h"
#include "base/files.h"
#include "model/manifest.h"
#include "platform/architecture.h"
#include "platform/probe.h"

namespace cutover {
namespace {

constexpr std::size_t kMaxBootIdBytes = 128;

}  // namespace

Result<std::string> kernel_boot_id(const std::filesystem::path& file) {
    auto id = TRY(read_file(file, kMaxBootIdBytes));
    while (!id.empty() && id.back() == '\n') id.pop_back();
    const bool plain = std::ranges::all_of(
        id, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-'; });
    if (id.empty() || !plain) return fail(Errc::corrupt, "{} holds no boot id", file.string());
    return id;
}

Result<> restart_kernel() {
    ::sync();
    if (::reboot(RB_AUTOBOOT) != 0)
        return std::unexpected(errno_error(errno, "restart the machine"));
    return {};
}

MachineHost::MachineHost(Options options) : options_(std::move(options)) {
    if (options_.architecture.empty()) options_.architecture = this_architecture();
}

Result<> MachineHost::reboot() {
    std::string why;
    for (const auto& way : options_.reboot) {
        const auto asked = way();
        if (asked) return {};
        why += (why.empty() ? "" : "; ") + asked.error().text();
    }
    return fail(errors::machine_no_reboot, "cannot restart the machine: {}", why);
}

Result<std::string> MachineHost::probe(const HealthSpec& check, std::stop_token stop) {
    return run_probe(check, {.root = options_.root, .environment = environment()}, std::move(stop));
}

std::map<std::string, std::string> MachineHost::environment() const {
    return {{"CUTOVER_ROOT", options_.root.string()},
            {"CUTOVER_DATA", options_.data.string()},
            {"CUTOVER_PERSIST", options_.persist.string()}};
}

}  // namespace cutover
