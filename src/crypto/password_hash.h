#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "crypto/digest.h"

namespace cutover {

// A password as it may be kept: hashed by scrypt (N = 2^15, r = 8, p = 1: a tenth of a second and
// 32 MiB), so that who reads it cannot try many. One text: "scrypt$15$8$1$SALT$HASH", in hex.
class PasswordHash {
public:
    static constexpr std::size_t kMaxPassword = 1024;  // bytes

    static Result<PasswordHash> make(std::string_view password);
    static Result<PasswordHash> parse(std::string_view text);
    // One that no password matches, and that takes as long to find out.
    static PasswordHash of_nobody();

    // As slow as make().
    bool matches(std::string_view password) const;
    std::string text() const;
    bool operator==(const PasswordHash&) const = default;

private:
    Digest salt_;  // 16 bytes would do
    Digest hash_;
    bool nobody_ = false;
};

// A key that only this process knows, and what it says of a text: who does not know the key can
// neither make it nor find the text by trying.
class ProcessKey {
public:
    static Result<ProcessKey> make();
    Digest code_of(std::string_view text) const;  // HMAC-SHA-256

private:
    Digest key_;
};

// In a time that tells nothing of where they differ.
bool same_digest(const Digest& left, const Digest& right);

}  // namespace cutover
