#include "crypto/password_hash.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <sys/random.h>

#include <fmt/core.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/error.h"
#include "crypto/digest.h"
#include "crypto/errors.h"

namespace cutover {
namespace {

constexpr std::string_view kScheme = "scrypt$15$8$1$";  // log2 N, r, p
constexpr std::uint64_t kRounds = std::uint64_t{1} << 15U;
constexpr std::uint64_t kBlock = 8;
constexpr std::uint64_t kLanes = 1;
constexpr std::uint64_t kMaxMemory = std::uint64_t{64} * 1024 * 1024;

using Bytes = std::array<unsigned char, Digest::kSize>;

Bytes bytes_of(const Digest& digest) {
    Bytes bytes{};
    std::ranges::transform(digest.bytes, bytes.begin(),
                           [](std::byte byte) { return std::to_integer<unsigned char>(byte); });
    return bytes;
}

Digest digest_of(const Bytes& bytes) {
    Digest digest;
    std::ranges::transform(bytes, digest.bytes.begin(),
                           [](unsigned char byte) { return static_cast<std::byte>(byte); });
    return digest;
}

Result<Digest> random_digest() {
    Digest digest;
    if (::getrandom(digest.bytes.data(), digest.bytes.size(), 0) !=
        static_cast<ssize_t>(digest.bytes.size()))
        return std::unexpected(errno_error(errno, "random bytes"));
    return digest;
}

Result<Digest> scrypt(std::string_view password, const Digest& salt) {
    const auto salted = bytes_of(salt);
    Bytes hash{};
    if (EVP_PBE_scrypt(password.data(), password.size(), salted.data(), salted.size(), kRounds,
                       kBlock, kLanes, kMaxMemory, hash.data(), hash.size()) != 1)
        return fail(errors::crypto_failed, "scrypt");
    return digest_of(hash);
}

}  // namespace

Result<PasswordHash> PasswordHash::make(std::string_view password) {
    if (password.empty() || password.size() > kMaxPassword)
        return fail(Errc::invalid, "a password has 1 to {} bytes", kMaxPassword);
    PasswordHash made;
    made.salt_ = TRY(random_digest());
    made.hash_ = TRY(scrypt(password, made.salt_));
    return made;
}

Result<PasswordHash> PasswordHash::parse(std::string_view text) {
    constexpr std::size_t kHex = 2 * Digest::kSize;
    if (!text.starts_with(kScheme) || text.size() != kScheme.size() + kHex + 1 + kHex ||
        text[kScheme.size() + kHex] != '$')
        return fail(Errc::invalid, "a password's hash is {}SALT$HASH in hex", kScheme);
    PasswordHash parsed;
    parsed.salt_ = TRY(digest_from_hex(text.substr(kScheme.size(), kHex)));
    parsed.hash_ = TRY(digest_from_hex(text.substr(kScheme.size() + kHex + 1)));
    return parsed;
}

PasswordHash PasswordHash::of_nobody() {
    PasswordHash made;
    made.nobody_ = true;
    return made;
}

bool PasswordHash::matches(std::string_view password) const {
    const bool fits = !password.empty() && password.size() <= kMaxPassword;
    const auto hash = scrypt(password.substr(0, kMaxPassword), salt_);
    const bool same = hash && same_digest(*hash, hash_);
    return fits && same && !nobody_;
}

std::string PasswordHash::text() const {
    return fmt::format("{}{}${}", kScheme, to_hex(salt_), to_hex(hash_));
}

Result<ProcessKey> ProcessKey::make() {
    ProcessKey made;
    made.key_ = TRY(random_digest());
    return made;
}

Digest ProcessKey::code_of(std::string_view text) const {
    const auto key = bytes_of(key_);
    Bytes code{};
    unsigned size = 0;
    // The library takes unsigned characters.
    const auto* const data = reinterpret_cast<const unsigned char*>(text.data());
    CUTOVER_CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), data, text.size(),
                       code.data(), &size) != nullptr);
    return digest_of(code);
}

bool same_digest(const Digest& left, const Digest& right) {
    return CRYPTO_memcmp(left.bytes.data(), right.bytes.data(), left.bytes.size()) == 0;
}

}  // namespace cutover
