#include "cli/session.h"

#include <filesystem>
#include <ostream>
#include <string>
#include <string_view>

#include "base/error.h"
#include "model/device.h"

namespace cutover::cli {

std::filesystem::path Address::socket_path() const {
    if (!socket.empty()) return socket;
    if (!folder.empty()) return folder / "cutover.sock";
    return "/run/cutover/cutover.sock";
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
