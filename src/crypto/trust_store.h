#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "model/device_config.h"

namespace cutover {

// Whom to trust: CA certificates, and what they revoked. Immutable; safe to use from any thread.
class TrustStore {
public:
    // A folder of PEM certificates (*.pem, *.crt, *.cer) and revocation lists (*.crl, PEM or DER).
    // An intermediate authority may be an anchor itself. A single certificate file will do, too.
    static Result<TrustStore> load(const std::filesystem::path& folder);
    // The same from PEM texts.
    static Result<TrustStore> from_pem(std::string_view certificates,
                                       std::string_view revocation_lists = {});

    TrustStore(TrustStore&&) noexcept;
    TrustStore& operator=(TrustStore&&) noexcept;
    ~TrustStore();

    struct Anchors;
    const Anchors& anchors() const { return *anchors_; }

private:
    explicit TrustStore(std::unique_ptr<Anchors> anchors);

    std::unique_ptr<Anchors> anchors_;
};

// What time it is, for certificates: the later of the clock and the newest signing time accepted so
// far, so that a device without a good clock does not fall back behind what it has seen.
struct TrustTime {
    WallTime now{};
    ExpiredPolicy expired = ExpiredPolicy::signed_while_valid;
};

struct SignerInfo {
    std::string subject;  // "CN=Vendor release key,O=Vendor"
    std::string issuer;
    WallTime signing_time{};
    WallTime expires{};
    bool has_expired = false;  // accepted because it was signed while valid
    bool operator==(const SignerInfo&) const = default;
};

inline constexpr std::size_t kMaxSignatureBytes = std::size_t{32} * 1024;

// Checks a detached CMS signature over `content`: made by a certificate for code signing that one
// of the anchors issued, that is valid and not revoked. Any other byte in `signature` is refused.
//
// The signing time is part of what is signed. A signer whom an anchor vouches for, and who says
// that it is already June, is believed by a device whose clock says that it is still 1970:
// certificates are looked at as of the later of the two.
Result<SignerInfo> verify_signature(std::string_view signature, std::string_view content,
                                    const TrustStore& trust, const TrustTime& time);

// What the signature says about itself, with nothing checked but that it belongs to `content`.
Result<SignerInfo> describe_signature(std::string_view signature, std::string_view content);

}  // namespace cutover
