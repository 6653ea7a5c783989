#include "base/nearest_name.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace cutover {
namespace {

constexpr std::size_t kLongestName = 64;  // bounds the work on hostile input

// Insertions, deletions, substitutions and swaps of neighbours: what fingers do.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before_last(b.size() + 1);
    std::vector<std::size_t> last(b.size() + 1);
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(last.begin(), last.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t substitution = a[i - 1] == b[j - 1] ? 0 : 1;
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + substitution});
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
        }
        std::swap(before_last, last);
        std::swap(last, row);
    }
    return last[b.size()];
}

}  // namespace

std::string_view nearest_name(std::string_view given, std::span<const std::string_view> known) {
    if (given.size() > kLongestName) return {};
    std::string_view nearest;
    std::size_t smallest = kLongestName;
    for (const auto name : known) {
        const auto distance = edit_distance(given, name);
        const auto bound = std::max<std::size_t>(1, std::max(given.size(), name.size()) / 2);
        if (distance > bound || distance >= smallest) continue;
        smallest = distance;
        nearest = name;
    }
    return nearest;
}

}  // namespace cutover
