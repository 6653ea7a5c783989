#include "crypto/digest.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <openssl/evp.h>
#include <openssl/types.h>

#include "base/error.h"

namespace cutover {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

// Fetched once: EVP_sha256() is looked up again at every use, which costs more than a small digest.
const EVP_MD* sha256_method() {
    static const EVP_MD* const method = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    CUTOVER_CHECK(method != nullptr);
    return method;
}

}  // namespace

std::string to_hex(const Digest& digest) {
    std::string text;
    text.reserve(2 * Digest::kSize);
    for (const auto byte : digest.bytes) {
        const auto value = std::to_integer<unsigned>(byte);
        text += kDigits[value >> 4U];
        text += kDigits[value & 15U];
    }
    return text;
}

Result<Digest> digest_from_hex(std::string_view text) {
    if (text.size() != 2 * Digest::kSize || text.find_first_not_of(kDigits) != text.npos)
        return fail(Errc::invalid, "a SHA-256 digest has 64 digits of 0-9 and a-f");
    Digest digest;
    for (std::size_t i = 0; i < Digest::kSize; ++i)
        digest.bytes.at(i) = static_cast<std::byte>(16 * kDigits.find(text[2 * i]) +
                                                    kDigits.find(text[(2 * i) + 1]));
    return digest;
}

void Sha256::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
    CUTOVER_CHECK(context_ != nullptr);
    start();
}

void Sha256::start() {
    CUTOVER_CHECK(EVP_DigestInit_ex2(context_.get(), sha256_method(), nullptr) == 1);
}

void Sha256::update(std::span<const std::byte> bytes) {
    CUTOVER_CHECK(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
}

Digest Sha256::finish() {
    std::array<std::uint8_t, Digest::kSize> bytes{};
    CUTOVER_CHECK(EVP_DigestFinal_ex(context_.get(), bytes.data(), nullptr) == 1);
    start();
    Digest digest;
    std::ranges::transform(bytes, digest.bytes.begin(),
                           [](std::uint8_t byte) { return static_cast<std::byte>(byte); });
    return digest;
}

Digest sha256(std::span<const std::byte> bytes) {
    Sha256 hash;
    hash.update(bytes);
    return hash.finish();
}

Digest sha256(std::string_view text) { return sha256(std::as_bytes(std::span(text))); }

}  // namespace cutover
