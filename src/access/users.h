#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "crypto/password_hash.h"
#include "model/security_config.h"

namespace cutover {

struct User {
    std::string name;
    Role role = Role::viewer;
    PasswordHash password;
    std::string changed;  // when its password was set
    bool operator==(const User&) const = default;
};

constexpr std::size_t kMaxUsers = 1000;

bool is_user_name(std::string_view name);

// access/users.json below a device's folder, sorted by name. No file: no users. Whatever is not
// exactly as it was written, or could have been written by others, is access.users_damaged.
Result<std::vector<User>> load_users(const std::filesystem::path& folder);

// Loads, changes and keeps them durably, one process at a time; an error of `change` keeps nothing.
Result<> change_users(const std::filesystem::path& folder,
                      const std::function<Result<>(std::vector<User>&)>& change);

// The folder access/ below a device's, made for its owner alone.
Result<std::filesystem::path> access_folder(const std::filesystem::path& device);

}  // namespace cutover
