#include "cli/session.h"

#include <cstddef>
#include <filesystem>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "model/device.h"
#include "model/device_config.h"

namespace cutover::cli {

namespace {

constexpr std::size_t kMaxConfigBytes = std::size_t{1024} * 1024;

}  // namespace

// A device.toml that cannot be read or is wrong is the agent's to complain of.
std::filesystem::path Address::socket_path() const {
    if (!socket.empty()) return socket;
    if (folder.empty()) return "/run/cutover/cutover.sock";
    DeviceConfig config;
    if (const auto toml = read_file(folder / "device.toml", kMaxConfigBytes))
        if (auto parsed = parse_device_config(*toml)) config = *std::move(parsed);
    return folder / config.native_socket;
}

Result<Device*> Session::device() {
    if (!device_) device_ = TRY(context_.connect(address_));
    return device_.get();
}

void Session::print_line(std::string_view line) const {
    context_.out << line << '\n' << std::flush;
}

void Session::print_text(std::string_view text) const { context_.out << text << std::flush; }

bool Session::confirm(std::string_view question) const {
    const auto& terminal = context_.terminal;
    if (yes_ || json_ || !terminal.in || !terminal.err) return true;
    context_.err << question << " [y/N] " << std::flush;
    std::string answer;
    std::getline(context_.in, answer);
    return answer == "y" || answer == "Y" || answer == "yes";
}

}  // namespace cutover::cli
