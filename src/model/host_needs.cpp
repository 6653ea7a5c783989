#include "model/host_needs.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "base/error.h"
#include "model/manifest_errors.h"

namespace cutover {
namespace {

constexpr std::size_t kMaxNeeds = 64;  // of each sort
constexpr std::size_t kMaxName = 64;
constexpr std::size_t kMaxSoname = 128;

bool is_alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_name(std::string_view name, std::string_view signs, std::size_t longest) {
    return !name.empty() && name.size() <= longest && is_alphanumeric(name.front()) &&
           std::ranges::all_of(name,
                               [&](char c) { return is_alphanumeric(c) || signs.contains(c); });
}

template <typename List>
Result<> check_count(const List& list, std::string_view what) {
    if (list.size() > kMaxNeeds)
        return fail(errors::manifest_invalid, "more than {} {}", kMaxNeeds, what);
    return {};
}

}  // namespace

bool is_key_name(std::string_view name) { return is_name(name, "._-", kMaxName); }

Result<> validate(const HostNeeds& needs) {
    TRY(check_count(needs.os, "operating systems"));
    for (const auto& [id, versions] : needs.os)
        if (!is_name(id, "._-", kMaxName))
            return fail(errors::manifest_invalid, "'{}' is no ID of an operating system", id);
    TRY(check_count(needs.libraries, "libraries"));
    for (const auto& [soname, versions] : needs.libraries)
        if (!is_name(soname, "._+-", kMaxSoname) || !soname.contains(".so"))
            return fail(errors::manifest_invalid, "'{}' is no library like libssl.so.3", soname);
    TRY(check_count(needs.keys, "keys"));
    for (const auto& key : needs.keys)
        if (!is_key_name(key))
            return fail(errors::manifest_invalid,
                        "'{}' is no name of a key: 1 to {} of A-Z a-z 0-9 . _ -", key, kMaxName);
    TRY(check_count(needs.algorithms, "algorithms"));
    for (const auto& algorithm : needs.algorithms)
        if (!is_name(algorithm, "._-/:", kMaxName))
            return fail(errors::manifest_invalid, "'{}' is no name of an algorithm", algorithm);
    return {};
}

}  // namespace cutover
