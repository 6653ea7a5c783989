#include "doors/outer/tls_files.h"

#include <chrono>
#include <cstddef>
#include <ctime>
#include <expected>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/core.h>
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/types.h>
#include <openssl/x509.h>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "doors/outer/errors.h"
#include "model/security_config.h"

namespace cutover {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{1024} * 1024;
constexpr auto kWarnEvery = std::chrono::hours(24);

struct Free {
    void operator()(BIO* it) const { ::BIO_free(it); }
    void operator()(X509* it) const { ::X509_free(it); }
    void operator()(EVP_PKEY* it) const { ::EVP_PKEY_free(it); }
    void operator()(SSL_CTX* it) const { ::SSL_CTX_free(it); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

std::string openssl_says() {
    const auto code = ::ERR_get_error();
    ::ERR_clear_error();
    const char* const text = code != 0 ? ::ERR_reason_error_string(code) : nullptr;
    return text != nullptr ? text : "not of the expected form";
}

Owned<BIO> bio_of(std::string_view text) {
    return Owned<BIO>(::BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// A key with a passphrase would be asked for at a terminal.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) { return -1; }

Owned<X509> next_certificate(BIO* bio) {
    return Owned<X509>(::PEM_read_bio_X509(bio, nullptr, no_passphrase, nullptr));
}

std::chrono::system_clock::time_point end_of(const X509* certificate) {
    std::tm time{};
    if (::ASN1_TIME_to_tm(::X509_get0_notAfter(certificate), &time) != 1) return {};
    return std::chrono::system_clock::from_time_t(::timegm(&time));
}

std::unexpected<Error> unusable(const std::filesystem::path& path) {
    return fail(errors::door_certificate, "{}: {}", path.string(), openssl_says());
}

Result<> check_rights(const std::filesystem::path& key) {
    struct stat found{};
    if (::stat(key.c_str(), &found) == 0 && (found.st_mode & S_IRWXO) != 0)
        return fail(errors::door_key_open, "{} has mode {:04o}", key.string(),
                    found.st_mode & static_cast<unsigned>(ALLPERMS));
    return {};
}

Result<std::string> content_of(const std::filesystem::path& path) {
    auto text = read_file(path, kMaxFileBytes);
    if (!text) return fail(errors::door_certificate, "{}", text.error().text());
    return *std::move(text);
}

}  // namespace

Result<std::unique_ptr<TlsFiles>> TlsFiles::load(const std::filesystem::path& folder,
                                                 const SecurityConfig& config, Log& log) {
    if (config.certificate.empty() || config.key.empty())
        return fail(errors::door_certificate, "[security] names no certificate, or no key for it");
    Paths paths{
        .certificate = folder / config.certificate, .key = folder / config.key, .client_ca = {}};
    if (config.client_certificates != ClientCertificates::none) {
        if (config.client_ca.empty())
            return fail(errors::door_certificate,
                        "[security] names no client-ca for what it asks "
                        "of clients");
        paths.client_ca = folder / config.client_ca;
    }
    std::unique_ptr<TlsFiles> made(new TlsFiles(std::move(paths), log));
    made->stamp_ = stamp(made->paths_);
    auto content = TRY(read(made->paths_));
    made->content_ = std::make_shared<const Content>(std::move(content));
    made->warn_of_expiry();
    return made;
}

// What changes when a file does: which it is, its size and its times.
std::string TlsFiles::stamp(const Paths& paths) {
    std::string all;
    for (const auto* const path : {&paths.certificate, &paths.key, &paths.client_ca}) {
        struct stat found{};
        if (path->empty() || ::stat(path->c_str(), &found) != 0) continue;
        all += fmt::format("{}:{}:{}:{}.{}:{}.{};", found.st_dev, found.st_ino, found.st_size,
                           found.st_mtim.tv_sec, found.st_mtim.tv_nsec, found.st_ctim.tv_sec,
                           found.st_ctim.tv_nsec);
    }
    return all;
}

// As gRPC will take them: a pair that it refuses would leave the door without any.
Result<TlsFiles::Content> TlsFiles::read(const Paths& paths) {
    ::ERR_clear_error();
    TRY(check_rights(paths.key));
    Content content;
    content.certificate = TRY(content_of(paths.certificate));
    content.key = TRY(content_of(paths.key));
    const Owned<SSL_CTX> context(::SSL_CTX_new(::TLS_server_method()));
    const auto chain = bio_of(content.certificate);
    const auto own = next_certificate(chain.get());
    if (!context || !own || ::SSL_CTX_use_certificate(context.get(), own.get()) != 1)
        return unusable(paths.certificate);
    while (auto issuer = next_certificate(chain.get())) {
        if (::SSL_CTX_add_extra_chain_cert(context.get(), issuer.get()) != 1)
            return unusable(paths.certificate);
        static_cast<void>(issuer.release());  // the context's now
    }
    ::ERR_clear_error();  // the end of the file is an error to OpenSSL
    const Owned<EVP_PKEY> key(
        ::PEM_read_bio_PrivateKey(bio_of(content.key).get(), nullptr, no_passphrase, nullptr));
    if (!key || ::SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1 ||
        ::SSL_CTX_check_private_key(context.get()) != 1)
        return unusable(paths.key);
    content.expires = end_of(own.get());
    if (paths.client_ca.empty()) return content;
    content.client_ca = TRY(content_of(paths.client_ca));
    if (!next_certificate(bio_of(content.client_ca).get())) return unusable(paths.client_ca);
    return content;
}

std::shared_ptr<const TlsFiles::Content> TlsFiles::newest() {
    const std::scoped_lock lock(mutex_);
    const auto seen = stamp(paths_);
    if (seen != stamp_) {
        auto content = read(paths_);
        // Written to meanwhile: the next one looks again.
        const bool settled = stamp(paths_) == seen;
        if (content && settled) {
            stamp_ = seen;
            last_complaint_.clear();
            content_ = std::make_shared<const Content>(*std::move(content));
            log_.info("the doors have another certificate",
                      {{"file", paths_.certificate.string()}});
        } else if (!content && std::exchange(last_complaint_, content.error().text()) !=
                                   content.error().text()) {
            log_.warning("the doors keep their certificate",
                         {{"error", content.error().text()}, {"remedy", content.error().remedy}});
        }
    }
    warn_of_expiry();
    return content_;
}

void TlsFiles::warn_of_expiry() {
    const auto now = std::chrono::system_clock::now();
    if (now < content_->expires || now < warned_ + kWarnEvery) return;
    warned_ = now;
    log_.warning("the doors' certificate has expired: clients will not take it",
                 {{"file", paths_.certificate.string()},
                  {"expired", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", content_->expires)}});
}

}  // namespace cutover
