#include "password_prompt.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <expected>
#include <istream>
#include <optional>
#include <ostream>
#include <poll.h>
#include <string>
#include <string_view>
#include <termios.h>
#include <unistd.h>
#include <utility>

#include "access/errors.h"
#include "base/error.h"
#include "cli/session.h"
#include "crypto/password_hash.h"

namespace cutover {
namespace {

constexpr std::size_t kShortest = 8;

volatile std::sig_atomic_t ended_by = 0;

void note_signal(int number) { ended_by = number; }

// While it lives, the terminal shows nothing of what is typed. A signal that would end the process
// comes only while it waits, and ends the reading first, so that the terminal is not left so.
class Unseen {
public:
    static Result<Unseen> begin() {
        termios before{};
        if (::tcgetattr(STDIN_FILENO, &before) != 0)
            return std::unexpected(errno_error(errno, "ask the terminal"));
        return Unseen(before);
    }
    Unseen(Unseen&& other) noexcept
        : before_(other.before_),
          mask_(other.mask_),
          actions_(other.actions_),
          mine_(std::exchange(other.mine_, false)) {}
    Unseen& operator=(Unseen&&) = delete;
    Unseen(const Unseen&) = delete;
    Unseen& operator=(const Unseen&) = delete;
    ~Unseen() {
        if (!mine_) return;
        ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
        for (std::size_t i = 0; i < kSignals.size(); ++i)
            ::sigaction(kSignals.at(i), &actions_.at(i), nullptr);
        ::pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
        if (ended_by != 0) ::raise(ended_by);
    }

    // The next byte; none at the end, and after a signal.
    std::optional<char> next() const {
        pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
        char c = 0;
        if (::ppoll(&input, 1, nullptr, &mask_) != 1 || ::read(STDIN_FILENO, &c, 1) != 1)
            return std::nullopt;
        return c;
    }

private:
    static constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};

    explicit Unseen(const termios& before) : before_(before), mine_(true) {
        struct sigaction action{};
        action.sa_handler = note_signal;
        sigset_t held{};
        sigemptyset(&held);
        for (const int number : kSignals) sigaddset(&held, number);
        ::pthread_sigmask(SIG_BLOCK, &held, &mask_);
        for (std::size_t i = 0; i < kSignals.size(); ++i) {
            ::sigaction(kSignals.at(i), nullptr, &actions_.at(i));
            // What was to be ignored, as under nohup, still is.
            if (actions_.at(i).sa_handler != SIG_IGN) ::sigaction(kSignals.at(i), &action, nullptr);
        }
        auto unseen = before;
        unseen.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &unseen);
    }

    termios before_;
    sigset_t mask_{};
    std::array<struct sigaction, kSignals.size()> actions_{};
    bool mine_;
};

Result<std::string> typed(const cli::Session& session, std::string_view question) {
    std::string line;
    {
        const auto unseen = TRY(Unseen::begin());  // before the question: somebody types fast
        session.err() << question << std::flush;
        for (auto c = unseen.next(); c && *c != '\n'; c = unseen.next())
            if (line.size() <= PasswordHash::kMaxPassword) line += *c;
    }
    session.err() << '\n' << std::flush;
    return line;
}

Result<std::string> line_of(std::istream& in) {
    std::string line;
    char c = 0;
    while (in.get(c) && c != '\n')
        if (line.size() <= PasswordHash::kMaxPassword) line += c;
    if (line.empty()) return fail(errors::access_bad_user, "no password came on standard input");
    return line;
}

}  // namespace

Result<std::string> new_password(const cli::Session& session) {
    const bool asks = session.terminal().in && session.terminal().err;
    auto password = TRY(asks ? typed(session, "Password: ") : line_of(session.context().in));
    if (password.size() < kShortest)
        return fail(errors::access_bad_user, "a password has at least {} characters", kShortest);
    if (password.size() > PasswordHash::kMaxPassword)
        return fail(errors::access_bad_user, "a password has at most {} characters",
                    PasswordHash::kMaxPassword);
    const auto sent_as_it_is = [](char c) { return c >= ' ' && c <= '~'; };
    if (!std::ranges::all_of(password, sent_as_it_is) || password.front() == ' ' ||
        password.back() == ' ')
        return fail(errors::access_bad_user,
                    "a password has letters, digits and signs of ASCII, and no space at its ends: "
                    "gRPC sends no other");
    if (asks && TRY(typed(session, "Again:    ")) != password)
        return fail(errors::access_bad_user, "the two passwords are not the same");
    return password;
}

}  // namespace cutover
