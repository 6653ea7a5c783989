#include "access/users.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <expected>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "access/errors.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/unique_fd.h"
#include "crypto/password_hash.h"
#include "model/security_config.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxFile = std::size_t{1024} * 1024;
constexpr int kFormat = 1;

constexpr std::string_view kLetters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

std::optional<std::string> text_of(const Json& object, const char* key) {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_string()) return std::nullopt;
    return found->get<std::string>();
}

std::optional<User> user_of(const Json& object) {
    if (!object.is_object() || object.size() != 4) return std::nullopt;
    const auto name = text_of(object, "name");
    const auto role = text_of(object, "role");
    const auto password = text_of(object, "password");
    const auto changed = text_of(object, "changed");
    if (!name || !role || !password || !changed || !is_user_name(*name)) return std::nullopt;
    const auto known = parse_role(*role);
    const auto hash = PasswordHash::parse(*password);
    if (!known || !hash || !from_iso8601(*changed)) return std::nullopt;
    return User{.name = *name, .role = *known, .password = *hash, .changed = *changed};
}

std::optional<std::vector<User>> parse_users(const std::string& text) {
    const auto document = Json::parse(text, nullptr, false);  // false: tells, throws nothing
    if (!document.is_object() || document.size() != 2) return std::nullopt;
    const auto format = document.find("format");
    const auto list = document.find("users");
    if (format == document.end() || *format != kFormat || list == document.end() ||
        !list->is_array() || list->size() > kMaxUsers)
        return std::nullopt;
    std::vector<User> users;
    for (const auto& each : *list) {
        auto user = user_of(each);
        if (!user) return std::nullopt;
        users.push_back(*std::move(user));
    }
    const bool in_order =
        std::ranges::adjacent_find(users, std::ranges::greater_equal{}, &User::name) == users.end();
    return in_order ? std::optional(std::move(users)) : std::nullopt;
}

std::string text_of(const std::vector<User>& users) {
    auto list = Json::array();
    for (const auto& user : users)
        list.push_back({{"name", user.name},
                        {"role", role_name(user.role)},
                        {"password", user.password.text()},
                        {"changed", user.changed}});
    return Json{{"format", kFormat}, {"users", std::move(list)}}.dump(2) + "\n";
}

// Who could write it could make themselves an admin.
Result<> written_by_us_alone(const fs::path& path) {
    struct stat status{};
    if (::lstat(path.c_str(), &status) != 0)
        return std::unexpected(errno_error(errno, fmt::format("look at {}", path.string())));
    if (!S_ISREG(status.st_mode))
        return fail(errors::access_users_damaged, "{} is no plain file", path.string());
    if ((status.st_uid != ::geteuid() && status.st_uid != 0) ||
        (status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return fail(errors::access_users_damaged, "others could have written {}", path.string());
    return {};
}

}  // namespace

bool is_user_name(std::string_view name) {
    constexpr std::size_t kLongest = 32;
    const auto known = [](char c) {
        return kLetters.contains(c) || std::string_view("._@-").contains(c);
    };
    return !name.empty() && name.size() <= kLongest && kLetters.contains(name.front()) &&
           std::ranges::all_of(name, known);
}

Result<std::vector<User>> load_users(const fs::path& folder) {
    const auto path = folder / "access" / "users.json";
    const auto ours = written_by_us_alone(path);
    if (!ours && ours.error().kind == Errc::not_found) return std::vector<User>{};
    TRY(ours);
    const auto text = read_file(path, kMaxFile);
    if (!text) return fail(errors::access_users_damaged, "{}", text.error().text());
    auto users = parse_users(*text);
    if (!users)
        return fail(errors::access_users_damaged, "{} is not as cutover writes it", path.string());
    return *std::move(users);
}

Result<> change_users(const fs::path& folder,
                      const std::function<Result<>(std::vector<User>&)>& change) {
    const auto home = TRY(access_folder(folder));
    const auto lock = TRY(open_file(home / "users.lock", O_RDWR | O_CREAT));
    while (::flock(lock.get(), LOCK_EX) != 0)
        if (errno != EINTR) return std::unexpected(errno_error(errno, "lock the users"));
    auto users = TRY(load_users(folder));
    TRY(change(users));
    std::ranges::sort(users, {}, &User::name);
    fault_point("access.change_users");
    TRY(write_file_durably(home / "users.json", text_of(users)));
    fault_point("access.users_changed");
    return {};
}

Result<fs::path> access_folder(const fs::path& device) {
    auto home = device / "access";
    if (::mkdir(home.c_str(), 0700) == 0) {
        TRY(sync_folder(device));
        return home;
    }
    if (errno != EEXIST)
        return std::unexpected(errno_error(errno, fmt::format("create {}", home.string())));
    return home;
}

}  // namespace cutover
