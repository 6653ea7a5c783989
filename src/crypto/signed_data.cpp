#include "crypto/signed_data.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/chrono.h>
#include <fmt/core.h>
#include <openssl/asn1.h>
#include <openssl/cms.h>
#include <openssl/obj_mac.h>
#include <openssl/objects.h>
#include <openssl/safestack.h>
#include <openssl/types.h>
#include <openssl/x509.h>

#include "base/clock.h"
#include "base/error.h"
#include "crypto/digest.h"
#include "crypto/errors.h"
#include "crypto/openssl.h"

namespace cutover::signed_data {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t kMaxCertificates = 8;

// Object identifiers, encoded with tag and length.
constexpr auto kSignedData = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"sv;
constexpr auto kData = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"sv;
constexpr auto kSha256 = "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"sv;
constexpr auto kContentType = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03"sv;
constexpr auto kMessageDigest = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04"sv;
constexpr auto kSigningTime = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x05"sv;
constexpr auto kEcdsaWithSha256 = "\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"sv;
constexpr auto kRsaEncryption = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"sv;
constexpr auto kNull = "\x05\x00"sv;
constexpr auto kVersion1 = "\x02\x01\x01"sv;

enum Tag : std::uint8_t {
    octet_string = 0x04,
    utc_time = 0x17,
    generalized_time = 0x18,
    sequence = 0x30,
    set = 0x31,
    context_0 = 0xa0,
};

std::string der(Tag tag, std::initializer_list<std::string_view> contents) {
    std::string content;
    for (const auto part : contents) content += part;
    std::string encoding(1, static_cast<char>(tag));
    if (content.size() < 0x80) {
        encoding += static_cast<char>(content.size());
    } else {
        int bytes = 1;
        while ((content.size() >> (8 * bytes)) != 0) ++bytes;
        encoding += static_cast<char>(0x80 | bytes);
        for (int i = bytes - 1; i >= 0; --i)
            encoding += static_cast<char>((content.size() >> (8 * i)) & 0xffU);
    }
    encoding += content;
    return encoding;
}

// DER orders the members of a SET OF by their encodings, as unsigned bytes.
std::string sorted(std::vector<std::string> encodings) {
    std::ranges::sort(encodings, [](const std::string& a, const std::string& b) {
        const auto order = std::memcmp(a.data(), b.data(), std::min(a.size(), b.size()));
        return order != 0 ? order < 0 : a.size() < b.size();
    });
    std::string all;
    for (const auto& encoding : encodings) all += encoding;
    return all;
}

std::string encode_time(WallTime time) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    const auto text = fmt::format("{:%Y%m%d%H%M%S}Z", fmt::gmtime(seconds));
    const bool short_form = text >= "1950" && text < "2050";  // RFC 5652, 11.3
    return short_form ? der(utc_time, {std::string_view(text).substr(2)})
                      : der(generalized_time, {text});
}

std::string attributes(const Digest& content, WallTime signing_time) {
    const std::string digest(reinterpret_cast<const char*>(content.bytes.data()), Digest::kSize);
    return sorted({
        der(sequence, {kContentType, der(set, {kData})}),
        der(sequence, {kSigningTime, der(set, {encode_time(signing_time)})}),
        der(sequence, {kMessageDigest, der(set, {der(octet_string, {digest})})}),
    });
}

std::string encode_certificates(const Parts& parts) {
    std::vector<std::string> certificates{openssl::der_of(parts.signer.get())};
    for (const auto& certificate : parts.chain)
        certificates.push_back(openssl::der_of(certificate.get()));
    return sorted(std::move(certificates));
}

std::string encode_algorithm(Algorithm algorithm) {
    switch (algorithm) {
        case Algorithm::ecdsa_sha256: return der(sequence, {kEcdsaWithSha256});
        case Algorithm::rsa_sha256: return der(sequence, {kRsaEncryption, kNull});
    }
    std::unreachable();
}

// The value of a signed attribute that occurs once with one value of the ASN.1 type `type`.
const void* attribute(CMS_SignerInfo* signer, int nid, int type) {
    return CMS_signed_get0_data_by_OBJ(signer, OBJ_nid2obj(nid), -3, type);
}

Result<> read_attributes(CMS_SignerInfo* signer, Parts& parts) {
    const auto* const digest = static_cast<const ASN1_OCTET_STRING*>(
        attribute(signer, NID_pkcs9_messageDigest, V_ASN1_OCTET_STRING));
    if (digest == nullptr || ASN1_STRING_length(digest) != static_cast<int>(Digest::kSize))
        return fail(errors::signature_malformed, "the signature names no SHA-256 digest");
    std::memcpy(parts.content.bytes.data(), ASN1_STRING_get0_data(digest), Digest::kSize);

    const auto* time =
        static_cast<const ASN1_TIME*>(attribute(signer, NID_pkcs9_signingTime, V_ASN1_UTCTIME));
    if (time == nullptr)
        time = static_cast<const ASN1_TIME*>(
            attribute(signer, NID_pkcs9_signingTime, V_ASN1_GENERALIZEDTIME));
    if (time == nullptr) return fail(errors::signature_malformed, "the signature has no time");
    parts.signing_time = TRY(openssl::time_of(time));
    return {};
}

Result<> read_certificates(CMS_ContentInfo* cms, CMS_SignerInfo* signer, Parts& parts) {
    STACK_OF(X509)* const all = CMS_get1_certs(cms);
    std::vector<openssl::Certificate> certificates;
    certificates.reserve(static_cast<std::size_t>(std::max(0, sk_X509_num(all))));
    for (int i = 0; i < sk_X509_num(all); ++i) certificates.emplace_back(sk_X509_value(all, i));
    sk_X509_free(all);  // the certificates themselves have their owners now
    if (certificates.size() > kMaxCertificates)
        return fail(errors::signature_malformed, "the signature holds more than {} certificates",
                    kMaxCertificates);
    for (auto& certificate : certificates) {
        if (parts.signer == nullptr && CMS_SignerInfo_cert_cmp(signer, certificate.get()) == 0)
            parts.signer = std::move(certificate);
        else
            parts.chain.push_back(std::move(certificate));
    }
    if (parts.signer == nullptr)
        return fail(errors::signature_malformed,
                    "the signer's certificate is not in the signature");
    return {};
}

}  // namespace

std::string attributes_to_sign(const Digest& content, WallTime signing_time) {
    return der(set, {attributes(content, signing_time)});
}

std::string encode(const Parts& parts) {
    const auto digest_algorithm = der(sequence, {kSha256});
    const auto* const certificate = parts.signer.get();
    const auto signer_info =
        der(sequence,
            {kVersion1,
             der(sequence, {openssl::der_of(X509_get_issuer_name(certificate)),
                            openssl::der_of(X509_get0_serialNumber(certificate))}),
             digest_algorithm, der(context_0, {attributes(parts.content, parts.signing_time)}),
             encode_algorithm(parts.algorithm), der(octet_string, {parts.signature})});
    const auto signed_data =
        der(sequence, {kVersion1, der(set, {digest_algorithm}), der(sequence, {kData}),
                       der(context_0, {encode_certificates(parts)}), der(set, {signer_info})});
    return der(sequence, {kSignedData, der(context_0, {signed_data})});
}

Result<Parts> decode(std::string_view encoded) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(encoded.data());
    const openssl::Cms cms(d2i_CMS_ContentInfo(nullptr, &bytes, static_cast<long>(encoded.size())));
    if (cms == nullptr || OBJ_obj2nid(CMS_get0_type(cms.get())) != NID_pkcs7_signed)
        return fail(errors::signature_malformed, "not a CMS signature: {}", openssl::last_error());
    STACK_OF(CMS_SignerInfo)* const signers = CMS_get0_SignerInfos(cms.get());
    if (sk_CMS_SignerInfo_num(signers) != 1)
        return fail(errors::signature_malformed, "the signature must have exactly one signer");
    CMS_SignerInfo* const signer = sk_CMS_SignerInfo_value(signers, 0);

    Parts parts;
    TRY(read_attributes(signer, parts));
    TRY(read_certificates(cms.get(), signer, parts));
    const auto* const signature = CMS_SignerInfo_get0_signature(signer);
    parts.signature.assign(reinterpret_cast<const char*>(ASN1_STRING_get0_data(signature)),
                           static_cast<std::size_t>(ASN1_STRING_length(signature)));
    const auto* const key = X509_get0_pubkey(parts.signer.get());
    if (key == nullptr || (!openssl::is_p256(key) && !openssl::is_strong_rsa(key)))
        return fail(errors::signature_malformed,
                    "the signer's key is neither ECDSA P-256 nor RSA with at least 2048 bits");
    parts.algorithm = openssl::is_p256(key) ? Algorithm::ecdsa_sha256 : Algorithm::rsa_sha256;
    if (encode(parts) != encoded)
        return fail(errors::signature_malformed,
                    "the signature is not written down in the one accepted way");
    return parts;
}

}  // namespace cutover::signed_data
