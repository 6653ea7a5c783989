#include "crypto/algorithms.h"

#include <string>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

namespace cutover {
namespace {

template <auto fetch, auto free_function>
bool is_offered(const std::string& name) {
    auto* const found = fetch(nullptr, name.c_str(), nullptr);
    if (found != nullptr) free_function(found);
    return found != nullptr;
}

}  // namespace

bool offers_algorithm(const std::string& name) {
    const bool offered = is_offered<EVP_MD_fetch, EVP_MD_free>(name) ||
                         is_offered<EVP_CIPHER_fetch, EVP_CIPHER_free>(name) ||
                         is_offered<EVP_MAC_fetch, EVP_MAC_free>(name) ||
                         is_offered<EVP_KDF_fetch, EVP_KDF_free>(name) ||
                         is_offered<EVP_SIGNATURE_fetch, EVP_SIGNATURE_free>(name) ||
                         is_offered<EVP_KEYMGMT_fetch, EVP_KEYMGMT_free>(name);
    ERR_clear_error();  // of the sorts that it is not
    return offered;
}

}  // namespace cutover
