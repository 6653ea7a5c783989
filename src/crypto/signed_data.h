#pragma once

// The CMS SignedData structure (RFC 5652) in the one form that packages use: detached, one signer,
// SHA-256, the three signed attributes contentType, messageDigest and signingTime, DER.
//
// Of a CMS structure the signature covers only the attributes; versions, algorithm lists and spare
// certificates can be changed unnoticed. So there is only one encoding for given parts, made by
// encode() for the signer and again for the verifier, who compares.

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "crypto/digest.h"
#include "crypto/openssl.h"

namespace cutover::signed_data {

enum class Algorithm : std::uint8_t { ecdsa_sha256, rsa_sha256 };

struct Parts {
    openssl::Certificate signer;
    std::vector<openssl::Certificate> chain;  // between the signer and the anchor
    Algorithm algorithm = Algorithm::ecdsa_sha256;
    WallTime signing_time{};  // whole seconds
    Digest content;
    std::string signature;
};

// The bytes that the signature covers.
std::string attributes_to_sign(const Digest& content, WallTime signing_time);

std::string encode(const Parts& parts);

// Refuses what encode() would not have written.
Result<Parts> decode(std::string_view der);

}  // namespace cutover::signed_data
