#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"

namespace cutover {

// A private key together with its certificate and those between it and the anchor.
class SigningKey {
public:
    // `key`: a PEM file, or a pkcs11: URI (RFC 7512) for a key that never leaves its token. The PIN
    // of the token comes from the URI, from CUTOVER_PKCS11_PIN, or is asked for on the terminal; it
    // is never written anywhere. `certificate`: a PEM file, the signer's own certificate first.
    static Result<SigningKey> load(const std::string& key,
                                   const std::filesystem::path& certificate);
    static Result<SigningKey> from_pem(std::string_view key, std::string_view certificates);

    SigningKey(SigningKey&&) noexcept;
    SigningKey& operator=(SigningKey&&) noexcept;
    ~SigningKey();

    // A detached CMS signature as verify_signature() wants it. Refused when the certificate would
    // not be valid at `signing_time` or is not for code signing: nobody could use the result.
    Result<std::string> sign(std::string_view content, WallTime signing_time) const;

private:
    struct Parts;
    explicit SigningKey(std::unique_ptr<Parts> parts);
    static Result<SigningKey> combine(std::unique_ptr<Parts> parts, std::string_view certificates);

    std::unique_ptr<Parts> parts_;
};

}  // namespace cutover
