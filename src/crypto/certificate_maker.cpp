#include "crypto/certificate_maker.h"

#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/types.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "base/error.h"
#include "crypto/errors.h"
#include "crypto/openssl.h"

namespace cutover {
namespace {

// OpenSSL answers 1 (or a size) for success.
Result<> want(bool worked, std::string_view what) {
    if (worked) return {};
    return fail(errors::crypto_failed, "{}: {}", what, openssl::last_error());
}

Result<openssl::Key> make_key(KeyType type) {
    openssl::Key key;
    switch (type) {
        case KeyType::ecdsa_p256: key.reset(EVP_EC_gen("P-256")); break;
        case KeyType::rsa_3072: key.reset(EVP_RSA_gen(3072)); break;
    }
    TRY(want(key != nullptr, "make a key"));
    return key;
}

Result<openssl::Time> asn1_time(WallTime time) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
    openssl::Time result(ASN1_TIME_adj(nullptr, 0, 0, seconds));
    TRY(want(result != nullptr, "write a time"));
    return result;
}

Result<> set_random_serial(X509* certificate) {
    std::array<unsigned char, 16> bytes{};
    TRY(want(RAND_bytes(bytes.data(), bytes.size()) == 1, "draw a serial number"));
    bytes.front() = static_cast<unsigned char>((bytes.front() & 0x7fU) | 0x40U);  // positive
    const openssl::Owned<BIGNUM, BN_free> number(BN_bin2bn(bytes.data(), bytes.size(), nullptr));
    return want(number != nullptr &&
                    BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr,
                "set a serial number");
}

Result<> set_name(X509* certificate, const CertificateRequest& request) {
    const openssl::Owned<X509_NAME, X509_NAME_free> name(X509_NAME_new());
    const auto add = [&](const char* field, const std::string& value) {
        if (value.empty()) return true;
        return X509_NAME_add_entry_by_txt(name.get(), field, MBSTRING_UTF8,
                                          reinterpret_cast<const unsigned char*>(value.data()),
                                          static_cast<int>(value.size()), -1, 0) == 1;
    };
    return want(add("O", request.organisation) && add("CN", request.common_name) &&
                    X509_set_subject_name(certificate, name.get()) == 1,
                "set the name");
}

Result<> add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const openssl::Owned<X509_EXTENSION, X509_EXTENSION_free> extension(
        X509V3_EXT_conf_nid(nullptr, &context, nid, value));
    return want(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1,
                "add an extension");
}

Result<> add_extensions(X509* certificate, X509* issuer, CertificateUse use) {
    const auto add = [&](int nid, const char* value) {
        return add_extension(certificate, issuer, nid, value);
    };
    TRY(add(NID_subject_key_identifier, "hash"));
    TRY(add(NID_authority_key_identifier, "keyid"));
    switch (use) {
        case CertificateUse::authority:
            TRY(add(NID_basic_constraints, "critical,CA:TRUE"));
            return add(NID_key_usage, "critical,keyCertSign,cRLSign");
        case CertificateUse::code_signing:
            TRY(add(NID_basic_constraints, "critical,CA:FALSE"));
            TRY(add(NID_key_usage, "critical,digitalSignature"));
            return add(NID_ext_key_usage, "critical,codeSigning");
        case CertificateUse::tls_server:
            TRY(add(NID_basic_constraints, "critical,CA:FALSE"));
            TRY(add(NID_key_usage, "critical,digitalSignature"));
            return add(NID_ext_key_usage, "serverAuth");
    }
    std::unreachable();
}

struct Issuer {
    openssl::Key key;
    openssl::Certificate certificate;
};

Result<Issuer> read_issuer(const Identity& identity) {
    const auto bio = openssl::reading(identity.key);
    Issuer issuer{
        .key = openssl::Key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr)),
        .certificate = nullptr};
    if (issuer.key == nullptr)
        return fail(errors::key_unreadable, "the authority's key: {}", openssl::last_error());
    issuer.certificate = std::move(TRY(openssl::read_certificates(identity.certificate)).front());
    return issuer;
}

}  // namespace

Result<Identity> make_identity(const CertificateRequest& request, const Identity* issuer_identity) {
    const auto key = TRY(make_key(request.key));
    Issuer issuer;
    if (issuer_identity != nullptr) issuer = TRY(read_issuer(*issuer_identity));
    const openssl::Certificate certificate(X509_new());
    auto* const subject = certificate.get();
    auto* const parent = issuer.certificate != nullptr ? issuer.certificate.get() : subject;

    TRY(want(X509_set_version(subject, X509_VERSION_3) == 1, "set the version"));
    TRY(set_random_serial(subject));
    TRY(set_name(subject, request));
    TRY(want(X509_set_issuer_name(subject, X509_get_subject_name(parent)) == 1 &&
                 X509_set1_notBefore(subject, TRY(asn1_time(request.valid_from)).get()) == 1 &&
                 X509_set1_notAfter(subject, TRY(asn1_time(request.valid_until)).get()) == 1 &&
                 X509_set_pubkey(subject, key.get()) == 1,
             "fill in the certificate"));
    TRY(add_extensions(subject, parent, request.use));
    auto* const signing_key = issuer.key != nullptr ? issuer.key.get() : key.get();
    TRY(want(X509_sign(subject, signing_key, EVP_sha256()) > 0, "sign the certificate"));

    const auto key_pem = openssl::growing();
    const auto certificate_pem = openssl::growing();
    TRY(want(PEM_write_bio_PKCS8PrivateKey(key_pem.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                           nullptr) == 1 &&
                 PEM_write_bio_X509(certificate_pem.get(), subject) == 1,
             "write the key"));
    return Identity{.key = openssl::bytes_of(key_pem.get()),
                    .certificate = openssl::bytes_of(certificate_pem.get())};
}

Result<std::string> make_revocation_list(const Identity& authority,
                                         const std::vector<std::string>& certificates, WallTime now,
                                         WallTime next_update) {
    const auto issuer = TRY(read_issuer(authority));
    const openssl::Crl list(X509_CRL_new());
    const auto issued = TRY(asn1_time(now));
    TRY(want(X509_CRL_set_version(list.get(), X509_CRL_VERSION_2) == 1 &&
                 X509_CRL_set_issuer_name(list.get(),
                                          X509_get_subject_name(issuer.certificate.get())) == 1 &&
                 X509_CRL_set1_lastUpdate(list.get(), issued.get()) == 1 &&
                 X509_CRL_set1_nextUpdate(list.get(), TRY(asn1_time(next_update)).get()) == 1,
             "fill in the revocation list"));
    for (const auto& pem : certificates) {
        const auto read = TRY(openssl::read_certificates(pem));
        openssl::Owned<X509_REVOKED, X509_REVOKED_free> entry(X509_REVOKED_new());
        TRY(want(X509_REVOKED_set_serialNumber(entry.get(),
                                               X509_get_serialNumber(read.front().get())) == 1 &&
                     X509_REVOKED_set_revocationDate(entry.get(), issued.get()) == 1 &&
                     X509_CRL_add0_revoked(list.get(), entry.get()) == 1,
                 "revoke a certificate"));
        (void)entry.release();  // the list owns it now
    }
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer.certificate.get(), nullptr, nullptr, list.get(), 0);
    const openssl::Owned<X509_EXTENSION, X509_EXTENSION_free> identifier(
        X509V3_EXT_conf_nid(nullptr, &context, NID_authority_key_identifier, "keyid"));
    TRY(want(identifier != nullptr && X509_CRL_add_ext(list.get(), identifier.get(), -1) == 1 &&
                 X509_CRL_sort(list.get()) == 1 &&
                 X509_CRL_sign(list.get(), issuer.key.get(), EVP_sha256()) > 0,
             "sign the revocation list"));
    const auto pem = openssl::growing();
    TRY(want(PEM_write_bio_X509_CRL(pem.get(), list.get()) == 1, "write the revocation list"));
    return openssl::bytes_of(pem.get());
}

}  // namespace cutover
