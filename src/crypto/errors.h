#pragma once

#include "base/error.h"

// What can be wrong with a signature, with the trust in its signer, or with a key.
namespace cutover::errors {

inline constexpr ErrorInfo signature_malformed{
    .id = "signature.malformed",
    .kind = Errc::untrusted,
    .meaning = "The signature cannot be read, or is not written down in the one accepted way.",
    .remedy = "Obtain the package again from its vendor; do not install this one."};
inline constexpr ErrorInfo signature_mismatch{
    .id = "signature.mismatch",
    .kind = Errc::untrusted,
    .meaning = "The signature does not belong to this content: one of the two was changed.",
    .remedy = "Obtain the package again from its vendor; do not install this one."};
inline constexpr ErrorInfo signature_unknown_signer{
    .id = "signature.unknown_signer",
    .kind = Errc::untrusted,
    .meaning = "The signer's certificate was not issued by a trusted authority.",
    .remedy =
        "Check where the package comes from. If its vendor is to be trusted, put the "
        "vendor's CA certificate (PEM) into the trust folder."};
inline constexpr ErrorInfo signature_revoked{
    .id = "signature.revoked",
    .kind = Errc::untrusted,
    .meaning = "The signer's certificate, or one above it, was revoked.",
    .remedy = "Do not install the package; obtain one signed with the vendor's present key."};
inline constexpr ErrorInfo signature_wrong_use{
    .id = "signature.wrong_use",
    .kind = Errc::untrusted,
    .meaning = "The signer's certificate is not meant for signing code.",
    .remedy = "Sign with a certificate that has the extended key usage codeSigning."};
inline constexpr ErrorInfo signature_expired{
    .id = "signature.expired",
    .kind = Errc::untrusted,
    .meaning = "A certificate of the signer has expired.",
    .remedy =
        "Obtain a package signed with a valid certificate, or, where the package was signed "
        "in time, set `expired = \"signed-while-valid\"` under [trust] in device.toml."};
inline constexpr ErrorInfo signature_not_yet_valid{
    .id = "signature.not_yet_valid",
    .kind = Errc::untrusted,
    .meaning = "The package was signed before the signer's certificate became valid.",
    .remedy = "Check the clock of the machine that signs, and sign again."};
inline constexpr ErrorInfo trust_no_anchors{
    .id = "trust.no_anchors",
    .kind = Errc::untrusted,
    .meaning = "The trust folder holds no CA certificate, so no package can be trusted.",
    .remedy = "Put at least one CA certificate (PEM, *.pem or *.crt) into the trust folder."};
inline constexpr ErrorInfo trust_unreadable{
    .id = "trust.unreadable",
    .kind = Errc::corrupt,
    .meaning = "A file of the trust folder is not what its name says.",
    .remedy =
        "Replace or remove the file named in the message: *.pem, *.crt and *.cer are "
        "certificates, *.crl are revocation lists."};
inline constexpr ErrorInfo key_unreadable{
    .id = "key.unreadable",
    .kind = Errc::invalid,
    .meaning = "The private key or its certificate cannot be read.",
    .remedy =
        "Give a PEM file without a passphrase, or a pkcs11: URI and its PIN (in the URI, in "
        "CUTOVER_PKCS11_PIN, or typed on the terminal)."};
inline constexpr ErrorInfo key_unsuitable{
    .id = "key.unsuitable",
    .kind = Errc::invalid,
    .meaning = "The key cannot be used for signing packages.",
    .remedy =
        "Use an ECDSA P-256 key or an RSA key of at least 2048 bits, with its own certificate."};
inline constexpr ErrorInfo crypto_failed{
    .id = "crypto.failed",
    .kind = Errc::io,
    .meaning = "The cryptography library refused to work.",
    .remedy = "Check the installation of OpenSSL on this machine."};

}  // namespace cutover::errors
