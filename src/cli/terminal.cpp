#include "cli/terminal.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string_view>
#include <sys/ioctl.h>
#include <unistd.h>

namespace cutover::cli {
namespace {

constexpr int kNarrowest = 40;
constexpr int kWidest = 100;  // longer lines are hard to read, and tables are made for this

std::string_view environment(const char* name) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): only read
    return value == nullptr ? std::string_view() : std::string_view(value);
}

int width_of_terminal() {
    int width = 0;
    const auto columns = environment("COLUMNS");
    std::from_chars(columns.data(), columns.data() + columns.size(), width);
    winsize size{};
    if (width == 0 && (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 ||
                       ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0))
        width = size.ws_col;
    return width == 0 ? kWidest : std::clamp(width, kNarrowest, kWidest);
}

}  // namespace

Terminal this_terminal() {
    const bool dumb = environment("TERM") == "dumb";
    Terminal terminal{.out = ::isatty(STDOUT_FILENO) == 1,
                      .err = ::isatty(STDERR_FILENO) == 1 && !dumb,
                      .in = ::isatty(STDIN_FILENO) == 1,
                      .width = width_of_terminal()};
    terminal.color = terminal.err && terminal.out && environment("NO_COLOR").empty();
    return terminal;
}

}  // namespace cutover::cli
