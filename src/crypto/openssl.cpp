#include "crypto/openssl.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <ctime>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/pemerr.h>
#include <openssl/types.h>
#include <openssl/x509.h>

#include "base/clock.h"
#include "base/error.h"
#include "crypto/errors.h"

namespace cutover::openssl {
namespace {

// What an i2d_... function writes.
template <typename T, typename Encode>
std::string der_with(const T* object, Encode encode) {
    unsigned char* bytes = nullptr;
    const int size = encode(object, &bytes);
    if (size <= 0) return {};
    std::string der(bytes, bytes + size);
    OPENSSL_free(bytes);
    return der;
}

}  // namespace

std::string last_error() {
    const auto code = ERR_peek_last_error();
    ERR_clear_error();
    if (code == 0) return "no reason given";
    std::array<char, 256> text{};
    ERR_error_string_n(code, text.data(), text.size());
    return text.data();
}

Bio reading(std::string_view bytes) {
    return Bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

Bio growing() { return Bio(BIO_new(BIO_s_mem())); }

std::string bytes_of(BIO* bio) {
    char* bytes = nullptr;
    const auto size = BIO_get_mem_data(bio, &bytes);
    return {bytes, static_cast<std::size_t>(size)};
}

std::string der_of(const X509* certificate) { return der_with(certificate, i2d_X509); }
std::string der_of(const X509_NAME* name) { return der_with(name, i2d_X509_NAME); }
std::string der_of(const ASN1_INTEGER* number) { return der_with(number, i2d_ASN1_INTEGER); }

Result<WallTime> time_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1)
        return fail(errors::signature_malformed, "a time cannot be read: {}", last_error());
    return WallTime(std::chrono::seconds(::timegm(&parts)));
}

std::string one_line(const X509_NAME* name) {
    const auto bio = growing();
    X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253);
    return bytes_of(bio.get());
}

Result<std::vector<Certificate>> read_certificates(std::string_view pem) {
    const auto bio = reading(pem);
    std::vector<Certificate> certificates;
    for (;;) {
        Certificate next(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
        if (next == nullptr) break;
        certificates.push_back(std::move(next));
    }
    // The end of the text is "no start line"; anything else is a certificate that is damaged.
    const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    const auto reason = last_error();
    if (!at_end || certificates.empty())
        return fail(errors::key_unreadable, "no PEM certificate: {}", reason);
    return certificates;
}

bool is_p256(const EVP_PKEY* key) {
    std::array<char, 64> group{};
    return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
           EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr) == 1 &&
           OBJ_txt2nid(group.data()) == NID_X9_62_prime256v1;
}

bool is_strong_rsa(const EVP_PKEY* key) {
    constexpr int kLeastBits = 2048;
    return EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA && EVP_PKEY_get_bits(key) >= kLeastBits;
}

}  // namespace cutover::openssl
