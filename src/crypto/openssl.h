#pragma once

// Owners of OpenSSL's objects. For crypto/'s own files only: nobody else sees OpenSSL.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/types.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "base/clock.h"
#include "base/error.h"

namespace cutover::openssl {

template <auto free_function>
struct FreeWith {
    template <typename T>
    void operator()(T* object) const {
        free_function(object);
    }
};

template <typename T, auto free_function>
using Owned = std::unique_ptr<T, FreeWith<free_function>>;

using Bio = Owned<BIO, BIO_free_all>;
using Cms = Owned<CMS_ContentInfo, CMS_ContentInfo_free>;
using Certificate = Owned<X509, X509_free>;
using Crl = Owned<X509_CRL, X509_CRL_free>;
using Key = Owned<EVP_PKEY, EVP_PKEY_free>;
using KeyContext = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using DigestContext = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;
using Store = Owned<X509_STORE, X509_STORE_free>;
using StoreContext = Owned<X509_STORE_CTX, X509_STORE_CTX_free>;
using Time = Owned<ASN1_TIME, ASN1_TIME_free>;
using Integer = Owned<ASN1_INTEGER, ASN1_INTEGER_free>;

// What OpenSSL's error queue says last; empties the queue.
std::string last_error();

Bio reading(std::string_view bytes);  // does not copy
Bio growing();
std::string bytes_of(BIO* bio);

std::string der_of(const X509* certificate);
std::string der_of(const X509_NAME* name);
std::string der_of(const ASN1_INTEGER* number);

Result<WallTime> time_of(const ASN1_TIME* time);
std::string one_line(const X509_NAME* name);  // "CN=Vendor release key,O=Vendor"

// All certificates of a PEM text, in order; at least one.
Result<std::vector<Certificate>> read_certificates(std::string_view pem);

// ECDSA on P-256 or RSA with at least 2048 bits: what packages are signed with.
bool is_p256(const EVP_PKEY* key);
bool is_strong_rsa(const EVP_PKEY* key);

}  // namespace cutover::openssl
