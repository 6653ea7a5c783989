#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "gnoi/types/types.pb.h"

struct evp_md_ctx_st;

namespace cutover::gnoi_door {

// A hash of what comes in pieces, by any of gNOI's methods.
class Hashing {
public:
    // None for a method that is not known.
    static std::optional<Hashing> by(::gnoi::types::HashType::HashMethod method);

    void add(std::string_view bytes);
    std::string finish();  // raw bytes, not hexadecimal

private:
    struct Free {
        void operator()(evp_md_ctx_st* context) const;
    };
    explicit Hashing(std::unique_ptr<evp_md_ctx_st, Free> context) : context_(std::move(context)) {}

    std::unique_ptr<evp_md_ctx_st, Free> context_;
};

// By which method a hash is, is told only after the content: all of them at once.
class AllHashes {
public:
    AllHashes();
    void add(std::string_view bytes);
    bool has(const ::gnoi::types::HashType& expected);  // once

private:
    std::optional<Hashing> sha256_;
    std::optional<Hashing> sha512_;
    std::optional<Hashing> md5_;
};

}  // namespace cutover::gnoi_door
