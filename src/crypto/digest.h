#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

struct evp_md_ctx_st;

namespace cutover {

// A SHA-256 digest.
struct Digest {
    static constexpr std::size_t kSize = 32;
    std::array<std::byte, kSize> bytes{};

    auto operator<=>(const Digest&) const = default;
};

std::string to_hex(const Digest& digest);               // 64 lower-case digits
Result<Digest> digest_from_hex(std::string_view text);  // exactly what to_hex() writes

// SHA-256 of what comes in pieces. After finish() it begins anew.
class Sha256 {
public:
    Sha256();
    void update(std::span<const std::byte> bytes);
    Digest finish();

private:
    struct Free {
        void operator()(evp_md_ctx_st* context) const;
    };
    void start();

    std::unique_ptr<evp_md_ctx_st, Free> context_;
};

Digest sha256(std::span<const std::byte> bytes);
Digest sha256(std::string_view text);

}  // namespace cutover
