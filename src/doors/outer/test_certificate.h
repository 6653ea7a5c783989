#pragma once

// Of tests: a certificate that signs itself, and its key.

#include <memory>
#include <string>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

namespace cutover {

struct TestCertificate {
    std::string certificate;  // PEM
    std::string key;
};

inline TestCertificate make_certificate(const char* name, long valid_seconds = 3600) {
    const std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)> key(::EVP_EC_gen("P-256"),
                                                                    &::EVP_PKEY_free);
    const std::unique_ptr<X509, decltype(&::X509_free)> made(::X509_new(), &::X509_free);
    ::X509_set_version(made.get(), X509_VERSION_3);
    ::X509_gmtime_adj(::X509_getm_notBefore(made.get()), -7200);
    ::X509_gmtime_adj(::X509_getm_notAfter(made.get()), valid_seconds);
    ::X509_NAME_add_entry_by_txt(::X509_get_subject_name(made.get()), "CN", MBSTRING_ASC,
                                 reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
    ::X509_set_issuer_name(made.get(), ::X509_get_subject_name(made.get()));
    ::X509_set_pubkey(made.get(), key.get());
    ::X509_sign(made.get(), key.get(), ::EVP_sha256());
    const auto pem = [](auto write) {
        const std::unique_ptr<BIO, decltype(&::BIO_free)> out(::BIO_new(::BIO_s_mem()),
                                                              &::BIO_free);
        write(out.get());
        char* text = nullptr;
        const auto size = ::BIO_get_mem_data(out.get(), &text);
        return std::string(text, static_cast<std::size_t>(size));
    };
    return {.certificate = pem([&](BIO* out) { ::PEM_write_bio_X509(out, made.get()); }),
            .key = pem([&](BIO* out) {
                ::PEM_write_bio_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
            })};
}

}  // namespace cutover
