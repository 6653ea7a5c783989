#include "model/version.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace cutover {
namespace {

constexpr std::size_t kMaxLength = 64;
constexpr std::size_t kMaxParts = 8;

bool is_pre_release_character(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.';
}

Result<std::uint32_t> parse_part(std::string_view text, std::string_view whole) {
    std::uint32_t value = 0;
    const auto* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    const bool leading_zero = text.size() > 1 && text.front() == '0';
    if (error != std::errc{} || stop != end || leading_zero)
        return fail(Errc::invalid, "'{}' is not a version like 1.2.3 or 1.2.3-rc.1", whole);
    return value;
}

// Runs of digits compare as numbers, so that rc.10 comes after rc.9.
std::strong_ordering compare_pre_release(std::string_view a, std::string_view b) {
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    while (!a.empty() && !b.empty()) {
        if (is_digit(a.front()) && is_digit(b.front())) {
            const auto take = [&](std::string_view& text) {
                const auto digits = static_cast<std::size_t>(
                    std::ranges::find_if_not(text, is_digit) - text.begin());
                auto run = text.substr(0, digits);
                text.remove_prefix(digits);
                run.remove_prefix(std::min(run.find_first_not_of('0'), run.size()));
                return run;
            };
            const auto first = take(a);
            const auto second = take(b);
            if (const auto by_size = first.size() <=> second.size(); by_size != 0) return by_size;
            if (const auto order = first.compare(second); order != 0) return order <=> 0;
        } else {
            if (const auto order = a.front() <=> b.front(); order != 0) return order;
            a.remove_prefix(1);
            b.remove_prefix(1);
        }
    }
    return a.size() <=> b.size();
}

}  // namespace

Result<Version> Version::parse(std::string_view text) {
    if (text.empty() || text.size() > kMaxLength)
        return fail(Errc::invalid, "a version has 1 to {} characters, this has {}", kMaxLength,
                    text.size());
    Version version;
    version.text_ = text;
    auto numbers = text.substr(0, text.find('-'));
    if (numbers.size() < text.size()) {
        version.pre_release_ = text.substr(numbers.size() + 1);
        if (version.pre_release_.empty() ||
            !std::ranges::all_of(version.pre_release_, is_pre_release_character))
            return fail(Errc::invalid, "'{}' is not a version like 1.2.3 or 1.2.3-rc.1", text);
    }
    for (bool more = true; more;) {
        const auto part = numbers.substr(0, numbers.find('.'));
        version.parts_.push_back(TRY(parse_part(part, text)));
        more = part.size() < numbers.size();
        numbers.remove_prefix(part.size() + (more ? 1 : 0));
    }
    if (version.parts_.size() > kMaxParts)
        return fail(Errc::invalid, "'{}' has more than {} numbers", text, kMaxParts);
    return version;
}

std::uint32_t Version::part(std::size_t index) const {
    return index < parts_.size() ? parts_[index] : 0;
}

bool Version::same_branch(const Version& other) const {
    return part(0) == other.part(0) && part(1) == other.part(1);
}

std::strong_ordering Version::operator<=>(const Version& other) const {
    const auto longest = std::max(parts_.size(), other.parts_.size());
    for (std::size_t i = 0; i < longest; ++i)
        if (const auto order = part(i) <=> other.part(i); order != 0) return order;
    if (pre_release_.empty() || other.pre_release_.empty())
        return pre_release_.empty() <=> other.pre_release_.empty();
    return compare_pre_release(pre_release_, other.pre_release_);
}

Result<VersionRange::Term> VersionRange::parse_term(std::string_view text) {
    using enum Comparison;
    constexpr std::array<std::pair<std::string_view, Comparison>, 6> kSigns{{
        {">=", at_least},
        {"<=", at_most},
        {"!=", not_equal},
        {">", above},
        {"<", below},
        {"=", equal},
    }};
    for (const auto& [sign, comparison] : kSigns)
        if (text.starts_with(sign))
            return Term{comparison, TRY(Version::parse(text.substr(sign.size())))};
    return Term{equal, TRY(Version::parse(text))};
}

Result<VersionRange> VersionRange::parse(std::string_view text) {
    constexpr std::size_t kMaxTerms = 16;
    VersionRange range;
    range.text_ = text;
    if (text == "*") return range;
    while (!text.empty()) {
        const auto word = text.substr(0, text.find(' '));
        text.remove_prefix(std::min(text.size(), word.size() + 1));
        if (word.empty()) continue;
        if (range.terms_.size() == kMaxTerms)
            return fail(Errc::invalid, "'{}' has more than {} comparisons", range.text_, kMaxTerms);
        range.terms_.push_back(
            TRY(parse_term(word), "'{}' is not a range like \">=1.0 <2.0\"", range.text_));
    }
    return range;
}

bool VersionRange::accepts(const Version& version) const {
    return std::ranges::all_of(terms_, [&](const Term& term) {
        switch (term.comparison) {
            case Comparison::at_least: return version >= term.version;
            case Comparison::above: return version > term.version;
            case Comparison::at_most: return version <= term.version;
            case Comparison::below: return version < term.version;
            case Comparison::equal: return version == term.version;
            case Comparison::not_equal: return version != term.version;
        }
        std::unreachable();
    });
}

}  // namespace cutover
