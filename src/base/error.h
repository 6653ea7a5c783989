#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>

namespace cutover {

// The kinds of failure a caller can act on. Add one only when some caller branches on it; say
// everything else with an ErrorInfo of its own.
enum class Errc : std::uint8_t {
    invalid,  // the request or the file is wrong; retrying cannot help
    not_found,
    conflict,   // another operation is running, or the device is in the wrong state
    refused,    // a rule or policy forbids it
    untrusted,  // a signature, digest or epoch check failed
    corrupt,    // our own stored data cannot be read back
    no_space,
    io,
    timeout,
    cancelled,
    unsupported,
    unavailable,  // nobody answers
};

std::string_view to_string(Errc kind);
Errc errc_from(std::string_view name);  // `io` for a name from a newer version

// One row of docs/errors.md: an error that a user can meet, under a name that never changes. Each
// folder declares its rows in its errors.h; tools/error_docs.py makes the page from them.
struct ErrorInfo {
    std::string_view id;  // "package.unsigned"
    Errc kind = Errc::io;
    std::string_view meaning;  // printed as the cause when nothing more exact is known
    std::string_view remedy;   // what a person can do now
};

// What went wrong. `message` is for people; `cause` is the chain of what led to it, outermost
// first.
struct [[nodiscard]] Error {
    Errc kind = Errc::io;
    std::string id;
    std::string message;
    std::string cause;
    std::string remedy;
    // The cause is only the row's meaning: it gives way to any better one.
    bool general_cause = false;

    // Puts `context` in front: it becomes the message, and what was the message begins the cause.
    Error within(std::string_view context) &&;
    Error with_remedy(std::string_view text) &&;
    void set_cause(std::string text);  // an empty one says nothing new

    std::string text() const;  // message and cause, unless that is general, on one line
    bool operator==(const Error& other) const;  // what can be seen of it
};

// A value or an Error. A class and not an alias, because libstdc++ 12 lets a std::expected be
// dropped without a warning.
template <typename T = void>
class [[nodiscard]] Result : public std::expected<T, Error> {
public:
    using std::expected<T, Error>::expected;
};

Error make_error(const ErrorInfo& info, std::string message);
Error make_error(Errc kind, std::string message);  // under the general id of that kind

template <typename... Args>
std::unexpected<Error> fail(const ErrorInfo& info, fmt::format_string<Args...> format,
                            Args&&... args) {
    return std::unexpected(make_error(info, fmt::format(format, std::forward<Args>(args)...)));
}

template <typename... Args>
std::unexpected<Error> fail(Errc kind, fmt::format_string<Args...> format, Args&&... args) {
    return std::unexpected(make_error(kind, fmt::format(format, std::forward<Args>(args)...)));
}

// A failed system call: errno_error(errno, fmt::format("fsync {}", path)).
Error errno_error(int error_number, std::string_view what);

// Ends the process: an invariant of ours is broken, and the journal makes a restart safe. Never for
// input from outside.
[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace cutover

#define CUTOVER_CHECK(condition) \
    ((condition) ? void() : ::cutover::check_failed(#condition, __FILE__, __LINE__))

#define CUTOVER_JOIN_(a, b) a##b
#define CUTOVER_JOIN(a, b) CUTOVER_JOIN_(a, b)
#define CUTOVER_TRY_(result, expression, ...)                                          \
    __extension__({                                                                    \
        auto&& result = (expression);                                                  \
        if (!result) [[unlikely]]                                                      \
            return std::unexpected(std::move(result).error()                           \
                                       __VA_OPT__(.within(fmt::format(__VA_ARGS__)))); \
        *std::move(result);                                                            \
    })

// The value of `expression`, or return its error from this function, optionally with context:
//     const auto text = TRY(read_file(path, kMaxBytes), "load manifest of {}", package.id);
// The context is formatted only on failure. It is this project's only macro that changes control
// flow (a statement expression: GCC and Clang both have it).
#define TRY(...) CUTOVER_TRY_(CUTOVER_JOIN(try_result_, __COUNTER__), __VA_ARGS__)
