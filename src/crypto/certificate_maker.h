#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace cutover {

enum class KeyType : std::uint8_t { ecdsa_p256, rsa_3072 };
enum class CertificateUse : std::uint8_t { authority, code_signing, tls_server };

struct CertificateRequest {
    std::string common_name;
    std::string organisation;  // empty: none
    CertificateUse use = CertificateUse::code_signing;
    KeyType key = KeyType::ecdsa_p256;
    WallTime valid_from{};
    WallTime valid_until{};
};

// A private key and its certificate, both PEM.
struct Identity {
    std::string key;
    std::string certificate;
};

// Makes a key and a certificate for it: self-signed when `issuer` is null, otherwise issued by that
// authority. For trying things out and for small vendors; a vendor with a PKI of its own uses that.
Result<Identity> make_identity(const CertificateRequest& request, const Identity* issuer = nullptr);

// A revocation list (PEM) of `authority` that names the given certificates (PEM).
Result<std::string> make_revocation_list(const Identity& authority,
                                         const std::vector<std::string>& certificates, WallTime now,
                                         WallTime next_update);

}  // namespace cutover
