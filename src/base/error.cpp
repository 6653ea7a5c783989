#include "base/error.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

#include <fmt/core.h>

#include "base/errors.h"

namespace cutover {
namespace {

struct KindRow {
    Errc kind;
    std::string_view name;
    const ErrorInfo& general;
};

constexpr std::array kKinds{
    KindRow{Errc::invalid, "invalid", errors::general_invalid},
    KindRow{Errc::not_found, "not_found", errors::general_not_found},
    KindRow{Errc::conflict, "conflict", errors::general_conflict},
    KindRow{Errc::refused, "refused", errors::general_refused},
    KindRow{Errc::untrusted, "untrusted", errors::general_untrusted},
    KindRow{Errc::corrupt, "corrupt", errors::general_corrupt},
    KindRow{Errc::no_space, "no_space", errors::general_no_space},
    KindRow{Errc::io, "io", errors::general_io},
    KindRow{Errc::timeout, "timeout", errors::general_timeout},
    KindRow{Errc::cancelled, "cancelled", errors::general_cancelled},
    KindRow{Errc::unsupported, "unsupported", errors::general_unsupported},
    KindRow{Errc::unavailable, "unavailable", errors::general_unavailable},
};

constexpr bool rows_follow_the_enum() {
    for (std::size_t i = 0; i < kKinds.size(); ++i)
        if (std::to_underlying(kKinds.at(i).kind) != i) return false;
    return kKinds.back().kind == Errc::unavailable;  // the last enumerator
}
static_assert(rows_follow_the_enum());

const KindRow& row(Errc kind) { return kKinds.at(std::to_underlying(kind)); }

}  // namespace

std::string_view to_string(Errc kind) { return row(kind).name; }

Errc errc_from(std::string_view name) {
    const auto* const found = std::ranges::find(kKinds, name, &KindRow::name);
    return found == kKinds.end() ? Errc::io : found->kind;
}

Error Error::within(std::string_view context) && {
    cause = text();
    general_cause = false;
    message = context;
    return std::move(*this);
}

Error Error::with_remedy(std::string_view text) && {
    remedy = text;
    return std::move(*this);
}

void Error::set_cause(std::string text) {
    if (text.empty()) return;
    cause = std::move(text);
    general_cause = false;
}

std::string Error::text() const {
    return cause.empty() || general_cause ? message : fmt::format("{}: {}", message, cause);
}

bool Error::operator==(const Error& other) const {
    const auto seen = [](const Error& error) {
        return std::tie(error.kind, error.id, error.message, error.cause, error.remedy);
    };
    return seen(*this) == seen(other);
}

Error make_error(const ErrorInfo& info, std::string message) {
    return {.kind = info.kind,
            .id = std::string(info.id),
            .message = std::move(message),
            .cause = std::string(info.meaning),
            .remedy = std::string(info.remedy),
            .general_cause = true};
}

Error make_error(Errc kind, std::string message) {
    return make_error(row(kind).general, std::move(message));
}

Error errno_error(int error_number, std::string_view what) {
    const auto kind = error_number == ENOENT                             ? Errc::not_found
                      : error_number == ENOSPC || error_number == EDQUOT ? Errc::no_space
                                                                         : Errc::io;
    return make_error(kind,
                      fmt::format("{}: {}", what, std::generic_category().message(error_number)));
}

void check_failed(const char* condition, const char* file, int line) {
    fmt::print(stderr, "{}:{}: broken invariant: {}\n", file, line, condition);
    std::abort();
}

}  // namespace cutover
