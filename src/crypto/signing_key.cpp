// Signs with a key from a file or from a PKCS#11 token.
//
// The token is reached through OpenSSL's ENGINE interface, which OpenSSL 3 calls old: Debian 12 has
// no PKCS#11 provider, and the engine is what its users have.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "crypto/signing_key.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <openssl/crypto.h>
#include <openssl/engine.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/types.h>
#include <openssl/ui.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "crypto/digest.h"
#include "crypto/errors.h"
#include "crypto/openssl.h"
#include "crypto/signed_data.h"

namespace cutover {

struct SigningKey::Parts {
    openssl::Key key;
    std::vector<openssl::Certificate> certificates;  // the signer's own first
};

namespace {

constexpr std::size_t kMaxKeyFileBytes = std::size_t{256} * 1024;

// A key file with a passphrase is refused rather than asked for: signing runs unattended.
int no_passphrase(char*, int, int, void*) { return -1; }

Result<openssl::Key> read_key(std::string_view pem) {
    const auto bio = openssl::reading(pem);
    openssl::Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
    const auto reason = openssl::last_error();
    if (key == nullptr) return fail(errors::key_unreadable, "no PEM private key: {}", reason);
    return key;
}

// The value of a query attribute of a pkcs11: URI, as it stands.
std::string query_value(std::string_view uri, std::string_view name) {
    const auto query = uri.substr(std::min(uri.size(), uri.find('?')));
    for (const auto mark : {'?', '&'}) {
        const auto start = query.find(fmt::format("{}{}=", mark, name));
        if (start == query.npos) continue;
        const auto value = query.substr(start + name.size() + 2);
        return std::string(value.substr(0, value.find('&')));
    }
    return {};
}

// The URI without a query attribute, for the engine refuses those that it does not know.
std::string without_query(std::string uri, const std::string& name) {
    for (const auto mark : {'?', '&'}) {
        const auto start = uri.find(fmt::format("{}{}=", mark, name));
        if (start == std::string::npos) continue;
        const auto end = uri.find('&', start + 1);
        if (mark == '?' && end != std::string::npos)
            uri.erase(start + 1, end - start);
        else
            uri.erase(start, std::min(end, uri.size()) - start);
    }
    return uri;
}

using Engine = openssl::Owned<ENGINE, ENGINE_free>;

Result<openssl::Key> key_of_token(const std::string& uri) {
    ENGINE_load_dynamic();
    const Engine engine(ENGINE_by_id("pkcs11"));
    if (engine == nullptr)
        return fail(errors::key_unreadable,
                    "OpenSSL has no pkcs11 engine (Debian package libengine-pkcs11-openssl): {}",
                    openssl::last_error());
    if (const auto module = query_value(uri, "module-path"); !module.empty())
        ENGINE_ctrl_cmd_string(engine.get(), "MODULE_PATH", module.c_str(), 0);
    if (ENGINE_init(engine.get()) != 1)
        return fail(errors::key_unreadable, "the PKCS#11 module cannot be used: {}",
                    openssl::last_error());
    // NOLINTNEXTLINE(concurrency-mt-unsafe): the programs that sign read it before any thread
    // starts
    const auto* const pin = std::getenv("CUTOVER_PKCS11_PIN");
    if (pin != nullptr && query_value(uri, "pin-value").empty())
        ENGINE_ctrl_cmd_string(engine.get(), "PIN", pin, 0);
    openssl::Key key(ENGINE_load_private_key(
        engine.get(), without_query(uri, "module-path").c_str(), UI_OpenSSL(), nullptr));
    const auto reason = openssl::last_error();
    ENGINE_finish(engine.get());  // the key keeps a reference of its own
    if (key == nullptr)
        return fail(errors::key_unreadable, "the token gives no private key for the URI: {}",
                    reason);
    return key;
}

Result<> check_certificate(const X509* certificate, WallTime signing_time) {
    const auto from = TRY(openssl::time_of(X509_get0_notBefore(certificate)));
    const auto until = TRY(openssl::time_of(X509_get0_notAfter(certificate)));
    if (signing_time < from)
        return fail(errors::signature_not_yet_valid, "the certificate is valid only from {}",
                    to_iso8601(from));
    if (signing_time > until)
        return fail(errors::signature_expired, "the certificate ended at {}", to_iso8601(until));
    const auto uses = X509_get_extended_key_usage(const_cast<X509*>(certificate));
    if (uses == UINT32_MAX || (uses & static_cast<unsigned>(XKU_CODE_SIGN)) == 0)
        return fail(errors::signature_wrong_use,
                    "the certificate lacks the extended key usage codeSigning");
    return {};
}

Result<std::string> raw_signature(EVP_PKEY* key, std::string_view bytes) {
    const openssl::DigestContext context(EVP_MD_CTX_new());
    std::size_t size = 0;
    const auto* const data = reinterpret_cast<const unsigned char*>(bytes.data());
    // A token's key is signed with by its engine, which the older call finds.
    if (EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key) != 1 ||
        EVP_DigestSign(context.get(), nullptr, &size, data, bytes.size()) != 1)
        return fail(errors::crypto_failed, "sign: {}", openssl::last_error());
    std::string signature(size, '\0');
    if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                       data, bytes.size()) != 1)
        return fail(errors::crypto_failed, "sign: {}", openssl::last_error());
    signature.resize(size);
    return signature;
}

openssl::Certificate shared(X509* certificate) {
    X509_up_ref(certificate);
    return openssl::Certificate(certificate);
}

}  // namespace

SigningKey::SigningKey(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
SigningKey::SigningKey(SigningKey&&) noexcept = default;
SigningKey& SigningKey::operator=(SigningKey&&) noexcept = default;
SigningKey::~SigningKey() = default;

Result<SigningKey> SigningKey::combine(std::unique_ptr<Parts> parts,
                                       std::string_view certificates) {
    parts->certificates = TRY(openssl::read_certificates(certificates));
    auto& chain = parts->certificates;
    // A root says nothing that the anchors of the device do not say.
    std::erase_if(chain, [&](const openssl::Certificate& certificate) {
        return certificate != chain.front() && X509_self_signed(certificate.get(), 0) == 1;
    });
    auto* const key = parts->key.get();
    if (!openssl::is_p256(key) && !openssl::is_strong_rsa(key))
        return fail(errors::key_unsuitable,
                    "the key is neither ECDSA P-256 nor RSA with at least 2048 bits");
    if (EVP_PKEY_eq(X509_get0_pubkey(chain.front().get()), key) != 1)
        return fail(errors::key_unsuitable, "the key does not belong to the certificate of {}",
                    openssl::one_line(X509_get_subject_name(chain.front().get())));
    return SigningKey(std::move(parts));
}

Result<SigningKey> SigningKey::load(const std::string& key,
                                    const std::filesystem::path& certificate) {
    const auto certificates = TRY(read_file(certificate, kMaxKeyFileBytes), "read the certificate");
    auto parts = std::make_unique<Parts>();
    if (key.starts_with("pkcs11:")) {
        parts->key = TRY(key_of_token(key));
    } else {
        auto pem = TRY(read_file(key, kMaxKeyFileBytes), "read the private key");
        auto read = read_key(pem);
        OPENSSL_cleanse(pem.data(), pem.size());
        parts->key = TRY(std::move(read), "{}", key);
    }
    return TRY(combine(std::move(parts), certificates), "{}", certificate.string());
}

Result<SigningKey> SigningKey::from_pem(std::string_view key, std::string_view certificates) {
    auto parts = std::make_unique<Parts>();
    parts->key = TRY(read_key(key));
    return combine(std::move(parts), certificates);
}

Result<std::string> SigningKey::sign(std::string_view content, WallTime signing_time) const {
    signing_time = std::chrono::floor<std::chrono::seconds>(signing_time);
    TRY(check_certificate(parts_->certificates.front().get(), signing_time),
        "the signature would not be accepted");
    signed_data::Parts parts{.signer = shared(parts_->certificates.front().get()),
                             .algorithm = openssl::is_p256(parts_->key.get())
                                              ? signed_data::Algorithm::ecdsa_sha256
                                              : signed_data::Algorithm::rsa_sha256,
                             .signing_time = signing_time,
                             .content = sha256(content)};
    for (std::size_t i = 1; i < parts_->certificates.size(); ++i)
        parts.chain.push_back(shared(parts_->certificates[i].get()));
    parts.signature = TRY(raw_signature(
        parts_->key.get(), signed_data::attributes_to_sign(parts.content, parts.signing_time)));
    return signed_data::encode(parts);
}

}  // namespace cutover
