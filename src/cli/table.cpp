#include "cli/table.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <string>
#include <vector>

#include "cli/text.h"

namespace cutover::cli {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kNarrowest = 8;  // a column is not squeezed below this

void trim_end(std::string& line) { line.erase(line.find_last_not_of(' ') + 1); }

}  // namespace

std::vector<std::size_t> Table::column_widths(std::size_t width) const {
    std::vector<std::size_t> widths;
    for (const auto& row : rows_) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i)
            widths[i] = std::max(widths[i], display_width(printable(row[i])));
    }
    const auto total = [&widths] {
        return std::accumulate(widths.begin(), widths.end(), kGap * (widths.size() - 1));
    };
    while (total() > width) {
        const auto widest = std::ranges::max_element(widths);
        if (*widest <= kNarrowest) break;
        --*widest;
    }
    return widths;
}

std::string Table::text(int width) const {
    const auto widths = column_widths(static_cast<std::size_t>(width));
    std::string text;
    for (const auto& row : rows_) {
        std::vector<std::vector<std::string>> cells;
        std::size_t height = 1;
        for (std::size_t i = 0; i < row.size(); ++i) {
            cells.push_back(wrapped(printable(row[i]), widths[i]));
            height = std::max(height, cells.back().size());
        }
        for (std::size_t line_number = 0; line_number < height; ++line_number) {
            std::string line;
            for (std::size_t i = 0; i < cells.size(); ++i) {
                if (i > 0) line.append(kGap, ' ');
                line += padded(line_number < cells[i].size() ? cells[i][line_number] : "", widths[i]);
            }
            trim_end(line);
            text += line + '\n';
        }
    }
    return text;
}

}  // namespace cutover::cli
