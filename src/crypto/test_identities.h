#pragma once

// A small PKI for tests: an authority that is valid from 2020 to 2040, and what it issues.

#include <chrono>
#include <string>

#include "base/clock.h"
#include "crypto/certificate_maker.h"
#include "crypto/signing_key.h"
#include "crypto/trust_store.h"

namespace cutover::testing_pki {

inline WallTime year(int number) {
    return std::chrono::sys_days(std::chrono::year(number) / std::chrono::January / 1);
}

inline Identity make_authority(const std::string& name = "Test CA") {
    return make_identity({.common_name = name,
                          .use = CertificateUse::authority,
                          .valid_from = year(2020),
                          .valid_until = year(2040)})
        .value();
}

// Valid from 2022 to 2030.
inline Identity make_signer(const Identity& authority,
                            CertificateUse use = CertificateUse::code_signing,
                            KeyType key = KeyType::ecdsa_p256) {
    return make_identity({.common_name = "Test signer",
                          .organisation = "Vendor",
                          .use = use,
                          .key = key,
                          .valid_from = year(2022),
                          .valid_until = year(2030)},
                         &authority)
        .value();
}

inline SigningKey signing_key(const Identity& identity) {
    return SigningKey::from_pem(identity.key, identity.certificate).value();
}

inline TrustStore trust_in(const Identity& authority, const std::string& revoked = {}) {
    return TrustStore::from_pem(authority.certificate, revoked).value();
}

}  // namespace cutover::testing_pki
