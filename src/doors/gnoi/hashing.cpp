#include "doors/gnoi/hashing.h"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <openssl/evp.h>

#include "base/error.h"
#include "gnoi/types/types.pb.h"

namespace cutover::gnoi_door {
namespace {

using Type = ::gnoi::types::HashType;

}  // namespace

void Hashing::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

std::optional<Hashing> Hashing::by(Type::HashMethod method) {
    const auto* algorithm = method == Type::SHA256 ? EVP_sha256() : nullptr;
    if (method == Type::SHA512) algorithm = EVP_sha512();
    if (method == Type::MD5) algorithm = EVP_md5();
    if (algorithm == nullptr) return std::nullopt;
    std::unique_ptr<evp_md_ctx_st, Free> context(EVP_MD_CTX_new());
    // A system may forbid MD5.
    if (!context || EVP_DigestInit_ex(context.get(), algorithm, nullptr) != 1) return std::nullopt;
    return Hashing(std::move(context));
}

void Hashing::add(std::string_view bytes) {
    CUTOVER_CHECK(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
}

std::string Hashing::finish() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    unsigned int size = 0;
    CUTOVER_CHECK(EVP_DigestFinal_ex(context_.get(), bytes.data(), &size) == 1);
    return {bytes.begin(), bytes.begin() + size};
}

AllHashes::AllHashes()
    : sha256_(Hashing::by(Type::SHA256)),
      sha512_(Hashing::by(Type::SHA512)),
      md5_(Hashing::by(Type::MD5)) {}

void AllHashes::add(std::string_view bytes) {
    for (auto* const each : {&sha256_, &sha512_, &md5_})
        if (*each) (*each)->add(bytes);
}

bool AllHashes::has(const Type& expected) {
    auto* const hashing = expected.method() == Type::SHA256   ? &sha256_
                          : expected.method() == Type::SHA512 ? &sha512_
                          : expected.method() == Type::MD5    ? &md5_
                                                              : nullptr;
    return hashing != nullptr && *hashing && (*hashing)->finish() == expected.hash();
}

}  // namespace cutover::gnoi_door
