#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace cutover {

// x.y.z…: one to eight numbers, then an optional pre-release "-rc.1" that sorts before the version
// without it. 1.0 and 1.0.0 are equal. At most 64 characters.
class Version {
public:
    Version() = default;  // 0
    static Result<Version> parse(std::string_view text);

    const std::string& text() const { return text_; }
    std::uint32_t part(std::size_t index) const;  // 0 where the version has fewer
    // Same x.y: a change between the two is maintenance; otherwise it is major.
    bool same_branch(const Version& other) const;

    std::strong_ordering operator<=>(const Version& other) const;
    bool operator==(const Version& other) const { return (*this <=> other) == 0; }

private:
    std::string text_ = "0";
    std::vector<std::uint32_t> parts_;
    std::string pre_release_;
};

// ">=1.0 <2.0": comparisons (>= > <= < = !=) that must all hold; a bare "1.2" means "=1.2"; empty
// or "*" accepts every version.
class VersionRange {
public:
    VersionRange() = default;
    static Result<VersionRange> parse(std::string_view text);

    bool accepts(const Version& version) const;
    const std::string& text() const { return text_; }
    bool any() const { return terms_.empty(); }
    bool operator==(const VersionRange& other) const { return text_ == other.text_; }

private:
    enum class Comparison : std::uint8_t { at_least, above, at_most, below, equal, not_equal };
    struct Term {
        Comparison comparison;
        Version version;
    };
    static Result<Term> parse_term(std::string_view text);

    std::string text_;
    std::vector<Term> terms_;
};

}  // namespace cutover
