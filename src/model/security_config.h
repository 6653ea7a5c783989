#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace cutover {

// What somebody may do. Each may do all that those before it may.
enum class Role {
    viewer,  // reads
    // Changes software, restarts, sets what is reported.
    operator_,  // NOLINT(readability-identifier-naming): `operator` is the language's
    admin,      // users, files, factory reset
};
std::string_view role_name(Role role);  // "viewer", "operator", "admin"
std::optional<Role> parse_role(std::string_view name);

enum class ClientCertificates { none, accepted, required };

// [security]: who comes in by the doors for other machines. Paths are below the device's folder
// unless they are absolute; what lies there is read anew when it changes.
struct SecurityConfig {
    std::string certificate;  // PEM, the device's own and what leads to its root; empty: no TLS
    std::string key;          // PEM
    std::string client_ca;    // PEM: who issues clients' certificates
    ClientCertificates client_certificates = ClientCertificates::none;
    std::map<std::string, Role> certificates;  // [security.certificates] by a name in them
    // [security.local]: of unix sockets, by user ("root") or group ("@netops"). The agent's own
    // user and root are always admins.
    std::map<std::string, Role> local;
    Role plaintext_role = Role::operator_;  // of whoever comes by a door with `plaintext`
    bool operator==(const SecurityConfig&) const = default;
};

}  // namespace cutover
