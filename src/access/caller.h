#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/security_config.h"

namespace cutover {

// How somebody is known.
enum class Proof { local, certificate, password, plaintext };

// Who asks, as the audit log and operations name it.
struct Caller {
    std::string name;  // "alice", "ems.example.net", "root"
    Proof proof = Proof::plaintext;
    std::string from;  // "ipv4:192.0.2.1:40312", "unix"
    Role role = Role::viewer;
};

// What a caller brings; all of it from outside but `local_user`, which the kernel tells.
struct Presented {
    std::string from;
    std::optional<std::string> user;  // of a password
    std::string password;
    std::vector<std::string> certificate_names;  // of a verified one: SANs, then the common name
    std::optional<unsigned> local_user;          // uid, of a unix socket
    std::optional<Role> plaintext;               // of a door without proof
};

}  // namespace cutover
