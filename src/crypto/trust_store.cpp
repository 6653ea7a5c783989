#include "crypto/trust_store.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <ctime>
#include <expected>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/safestack.h>
#include <openssl/types.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "crypto/digest.h"
#include "crypto/errors.h"
#include "crypto/openssl.h"
#include "crypto/signed_data.h"
#include "model/device_config.h"

namespace cutover {

struct TrustStore::Anchors {
    openssl::Store store;
    std::size_t certificates = 0;
    std::size_t revocation_lists = 0;
};

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxTrustFileBytes = std::size_t{4} * 1024 * 1024;

Result<> add_certificates(TrustStore::Anchors& anchors, std::string_view pem) {
    for (const auto& certificate : TRY(openssl::read_certificates(pem))) {
        X509_STORE_add_cert(anchors.store.get(), certificate.get());
        ++anchors.certificates;
    }
    return {};
}

Result<> add_revocation_lists(TrustStore::Anchors& anchors, std::string_view bytes) {
    std::vector<openssl::Crl> lists;
    if (bytes.contains("-----BEGIN")) {
        const auto bio = openssl::reading(bytes);
        while (auto* const next = PEM_read_bio_X509_CRL(bio.get(), nullptr, nullptr, nullptr))
            lists.emplace_back(next);
    } else {
        const auto* start = reinterpret_cast<const unsigned char*>(bytes.data());
        lists.emplace_back(d2i_X509_CRL(nullptr, &start, static_cast<long>(bytes.size())));
    }
    const auto reason = openssl::last_error();
    if (lists.empty() || lists.front() == nullptr)
        return fail(errors::trust_unreadable, "no revocation list: {}", reason);
    for (const auto& list : lists) X509_STORE_add_crl(anchors.store.get(), list.get());
    anchors.revocation_lists += lists.size();
    return {};
}

// What was found wrong with a chain. Everything is collected, so that the answer does not depend on
// the order in which OpenSSL looks.
struct ChainFindings {
    bool revoked = false;
    bool expired = false;
    bool not_yet_valid = false;
    int other = X509_V_OK;
};

int note_finding(int ok, X509_STORE_CTX* context) {
    if (ok == 1) return 1;
    auto& findings = *static_cast<ChainFindings*>(X509_STORE_CTX_get_app_data(context));
    const int error = X509_STORE_CTX_get_error(context);
    if (error == X509_V_ERR_CERT_REVOKED)
        findings.revoked = true;
    else if (error == X509_V_ERR_CERT_HAS_EXPIRED)
        findings.expired = true;
    else if (error == X509_V_ERR_CERT_NOT_YET_VALID)
        findings.not_yet_valid = true;
    else if (error == X509_V_ERR_UNABLE_TO_GET_CRL || error == X509_V_ERR_CRL_HAS_EXPIRED ||
             error == X509_V_ERR_CRL_NOT_YET_VALID)
        return 1;  // a list is used where there is one, and an old list is better than none
    else if (findings.other == X509_V_OK)
        findings.other = error;
    return 1;
}

struct Chain {
    ChainFindings findings;
    std::vector<std::string> certificates;  // DER, the signer's first
};

Result<Chain> build_chain(const signed_data::Parts& parts, const TrustStore::Anchors& anchors,
                          WallTime as_of) {
    const openssl::StoreContext context(X509_STORE_CTX_new());
    const openssl::Owned<STACK_OF(X509), [](STACK_OF(X509) * stack) { sk_X509_free(stack); }> spare(
        sk_X509_new_null());
    for (const auto& certificate : parts.chain) sk_X509_push(spare.get(), certificate.get());
    if (X509_STORE_CTX_init(context.get(), anchors.store.get(), parts.signer.get(), spare.get()) !=
        1)
        return fail(errors::crypto_failed, "check a certificate: {}", openssl::last_error());

    Chain chain;
    X509_STORE_CTX_set_app_data(context.get(), &chain.findings);
    X509_STORE_CTX_set_verify_cb(context.get(), note_finding);
    auto* const options = X509_STORE_CTX_get0_param(context.get());
    constexpr int kNoWeakerThan112Bits = 2;
    X509_VERIFY_PARAM_set_auth_level(options, kNoWeakerThan112Bits);
    X509_VERIFY_PARAM_set_time(
        options, std::chrono::floor<std::chrono::seconds>(as_of).time_since_epoch().count());
    auto flags = static_cast<unsigned long>(X509_V_FLAG_PARTIAL_CHAIN);
    if (anchors.revocation_lists > 0) flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
    X509_VERIFY_PARAM_set_flags(options, flags);

    if (X509_verify_cert(context.get()) != 1 && chain.findings.other == X509_V_OK) {
        const int error = X509_STORE_CTX_get_error(context.get());
        chain.findings.other = error == X509_V_OK ? X509_V_ERR_UNSPECIFIED : error;
    }
    const auto* const found = X509_STORE_CTX_get0_chain(context.get());
    for (int i = 0; i < sk_X509_num(found); ++i)
        chain.certificates.push_back(openssl::der_of(sk_X509_value(found, i)));
    ERR_clear_error();
    return chain;
}

Result<> check_use(const X509* signer, const std::string& subject) {
    // The accessors cache into the certificate, hence not const.
    auto* const certificate = const_cast<X509*>(signer);
    const auto flags = X509_get_extension_flags(certificate);
    const bool for_code =
        (flags & EXFLAG_XKUSAGE) != 0 &&
        (X509_get_extended_key_usage(certificate) & static_cast<unsigned>(XKU_CODE_SIGN)) != 0;
    if (!for_code)
        return fail(errors::signature_wrong_use,
                    "the certificate of {} lacks the extended key usage codeSigning", subject);
    const bool may_sign =
        (flags & EXFLAG_KUSAGE) == 0 ||
        (X509_get_key_usage(certificate) & static_cast<unsigned>(KU_DIGITAL_SIGNATURE)) != 0;
    if (!may_sign)
        return fail(errors::signature_wrong_use,
                    "the certificate of {} lacks the key usage digitalSignature", subject);
    return {};
}

// Every certificate that the signature carries must be one that the chain needs: what nobody checks
// could be changed.
Result<> check_nothing_spare(const signed_data::Parts& parts, const Chain& chain) {
    std::vector<std::string> carried;
    carried.reserve(parts.chain.size());
    for (const auto& certificate : parts.chain)
        carried.push_back(openssl::der_of(certificate.get()));
    std::ranges::sort(carried);
    const bool twice = std::ranges::adjacent_find(carried) != carried.end();
    const bool spare = !std::ranges::all_of(carried, [&](const std::string& certificate) {
        return std::ranges::find(chain.certificates, certificate) != chain.certificates.end();
    });
    if (twice || spare)
        return fail(errors::signature_malformed,
                    "the signature carries a certificate that is not part of the signer's chain");
    return {};
}

Result<> check_math(const signed_data::Parts& parts) {
    const auto attributes = signed_data::attributes_to_sign(parts.content, parts.signing_time);
    const openssl::DigestContext context(EVP_MD_CTX_new());
    auto* const key = X509_get0_pubkey(parts.signer.get());
    const bool right =
        EVP_DigestVerifyInit_ex(context.get(), nullptr, "SHA256", nullptr, nullptr, key, nullptr) ==
            1 &&
        EVP_DigestVerify(
            context.get(), reinterpret_cast<const unsigned char*>(parts.signature.data()),
            parts.signature.size(), reinterpret_cast<const unsigned char*>(attributes.data()),
            attributes.size()) == 1;
    const auto reason = openssl::last_error();
    if (!right) return fail(errors::signature_mismatch, "the signature is wrong: {}", reason);
    return {};
}

Result<SignerInfo> describe(const signed_data::Parts& parts) {
    const auto* const certificate = parts.signer.get();
    const auto expires = TRY(openssl::time_of(X509_get0_notAfter(certificate)));
    return SignerInfo{.subject = openssl::one_line(X509_get_subject_name(certificate)),
                      .issuer = openssl::one_line(X509_get_issuer_name(certificate)),
                      .signing_time = parts.signing_time,
                      .expires = expires};
}

Result<> check_signed_in_validity(const signed_data::Parts& parts, const SignerInfo& signer) {
    const auto valid_from = TRY(openssl::time_of(X509_get0_notBefore(parts.signer.get())));
    if (parts.signing_time < valid_from)
        return fail(errors::signature_not_yet_valid,
                    "signed at {}, but the certificate of {} is valid only from {}",
                    to_iso8601(parts.signing_time), signer.subject, to_iso8601(valid_from));
    if (parts.signing_time > signer.expires)
        return fail(errors::signature_expired,
                    "signed at {}, after the certificate of {} ended, {}",
                    to_iso8601(parts.signing_time), signer.subject, to_iso8601(signer.expires));
    return {};
}

Result<> check_findings(const ChainFindings& findings, const SignerInfo& signer) {
    if (findings.other != X509_V_OK)
        return fail(errors::signature_unknown_signer, "{}, issued by {}: {}", signer.subject,
                    signer.issuer, X509_verify_cert_error_string(findings.other));
    if (findings.revoked)
        return fail(errors::signature_revoked, "the certificate of {} was revoked", signer.subject);
    return {};
}

// All but the content's digest.
Result<SignerInfo> check_signer(const signed_data::Parts& parts, const TrustStore::Anchors& anchors,
                                const TrustTime& time) {
    auto signer = TRY(describe(parts));
    auto chain = TRY(build_chain(parts, anchors, std::max(time.now, parts.signing_time)));
    TRY(check_findings(chain.findings, signer));
    TRY(check_nothing_spare(parts, chain));
    TRY(check_use(parts.signer.get(), signer.subject));
    TRY(check_signed_in_validity(parts, signer));
    if (chain.findings.expired) {
        if (time.expired == ExpiredPolicy::refuse)
            return fail(errors::signature_expired,
                        "the certificate of {}, or one above it, has expired ({})", signer.subject,
                        to_iso8601(signer.expires));
        chain = TRY(build_chain(parts, anchors, parts.signing_time));
        TRY(check_findings(chain.findings, signer));
        signer.has_expired = true;
    }
    if (chain.findings.expired)
        return fail(errors::signature_expired,
                    "signed at {}, when a certificate above that of {} had expired",
                    to_iso8601(parts.signing_time), signer.subject);
    if (chain.findings.not_yet_valid)
        return fail(errors::signature_not_yet_valid,
                    "signed at {}, when a certificate above that of {} was not yet valid",
                    to_iso8601(parts.signing_time), signer.subject);
    return signer;
}

Result<signed_data::Parts> decode_for(std::string_view signature, std::string_view content) {
    if (signature.size() > kMaxSignatureBytes)
        return fail(errors::signature_malformed, "the signature is longer than {} bytes",
                    kMaxSignatureBytes);
    auto parts = TRY(signed_data::decode(signature));
    if (parts.content != sha256(content))
        return fail(errors::signature_mismatch, "the content is not what was signed");
    return parts;
}

Result<> finish(const TrustStore::Anchors& anchors, std::string_view where) {
    if (anchors.certificates == 0)
        return fail(errors::trust_no_anchors, "{} holds no CA certificate", where);
    return {};
}

}  // namespace

Result<TrustStore> TrustStore::load(const fs::path& folder) {
    auto anchors = std::make_unique<Anchors>();
    anchors->store.reset(X509_STORE_new());
    std::error_code error;
    if (fs::is_regular_file(folder, error)) {
        const auto bytes = TRY(read_file(folder, kMaxTrustFileBytes));
        if (auto added = add_certificates(*anchors, bytes); !added)
            return fail(errors::trust_unreadable, "{}: {}", folder.string(), added.error().text());
        return TrustStore(std::move(anchors));
    }
    std::vector<fs::path> files;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error))
        files.push_back(entry->path());
    if (error)
        return std::unexpected(errno_error(error.value(), "read trust folder " + folder.string()));
    std::ranges::sort(files);
    for (const auto& file : files) {
        const auto suffix = file.extension().string();
        const bool certificate = suffix == ".pem" || suffix == ".crt" || suffix == ".cer";
        if (!certificate && suffix != ".crl") continue;
        const auto bytes = TRY(read_file(file, kMaxTrustFileBytes));
        const auto added =
            certificate ? add_certificates(*anchors, bytes) : add_revocation_lists(*anchors, bytes);
        if (!added)
            return fail(errors::trust_unreadable, "{}: {}", file.string(), added.error().text());
    }
    TRY(finish(*anchors, folder.string()));
    return TrustStore(std::move(anchors));
}

Result<TrustStore> TrustStore::from_pem(std::string_view certificates,
                                        std::string_view revocation_lists) {
    auto anchors = std::make_unique<Anchors>();
    anchors->store.reset(X509_STORE_new());
    if (!certificates.empty()) TRY(add_certificates(*anchors, certificates));
    if (!revocation_lists.empty()) TRY(add_revocation_lists(*anchors, revocation_lists));
    TRY(finish(*anchors, "the text"));
    return TrustStore(std::move(anchors));
}

TrustStore::TrustStore(std::unique_ptr<Anchors> anchors) : anchors_(std::move(anchors)) {}
TrustStore::TrustStore(TrustStore&&) noexcept = default;
TrustStore& TrustStore::operator=(TrustStore&&) noexcept = default;
TrustStore::~TrustStore() = default;

Result<SignerInfo> verify_signature(std::string_view signature, std::string_view content,
                                    const TrustStore& trust, const TrustTime& time) {
    const auto parts = TRY(decode_for(signature, content));
    auto signer = TRY(check_signer(parts, trust.anchors(), time));
    TRY(check_math(parts));
    return signer;
}

Result<SignerInfo> describe_signature(std::string_view signature, std::string_view content) {
    const auto parts = TRY(decode_for(signature, content));
    TRY(check_math(parts));
    return describe(parts);
}

}  // namespace cutover
