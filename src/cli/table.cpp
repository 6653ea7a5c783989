#include "cli/table.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "cli/text.h"

namespace cutover::cli {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kNarrowest = 8;  // narrower columns are hard to read

std::size_t longest_word(std::string_view text) {
    std::size_t longest = 0;
    while (!text.empty()) {
        const auto word = text.substr(0, text.find(' '));
        longest = std::max(longest, display_width(word));
        text.remove_prefix(std::min(word.size() + 1, text.size()));
    }
    return longest;
}

// Makes the widest columns narrower, none below its least, until all fit.
void squeeze(std::vector<std::size_t>& widths, const std::vector<std::size_t>& least,
             std::size_t width) {
    auto total = std::accumulate(widths.begin(), widths.end(), kGap * (widths.size() - 1));
    while (total > width) {
        std::size_t widest = widths.size();
        for (std::size_t i = 0; i < widths.size(); ++i)
            if (widths[i] > least[i] && (widest == widths.size() || widths[i] > widths[widest]))
                widest = i;
        if (widest == widths.size()) return;
        --widths[widest];
        --total;
    }
}

void trim_end(std::string& line) { line.erase(line.find_last_not_of(' ') + 1); }

}  // namespace

std::vector<std::size_t> Table::column_widths(std::size_t width) const {
    std::vector<std::size_t> widths;
    std::vector<std::size_t> words;  // below the longest word a column is squeezed only at last
    for (const auto& row : rows_) {
        widths.resize(std::max(widths.size(), row.size()));
        words.resize(widths.size(), kNarrowest);
        for (std::size_t i = 0; i < row.size(); ++i) {
            const auto cell = printable(row[i]);
            widths[i] = std::max(widths[i], display_width(cell));
            words[i] = std::max(words[i], longest_word(cell));
        }
    }
    squeeze(widths, words, width);
    squeeze(widths, std::vector(widths.size(), kNarrowest), width);
    squeeze(widths, std::vector<std::size_t>(widths.size(), 1), width);
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
                line +=
                    padded(line_number < cells[i].size() ? cells[i][line_number] : "", widths[i]);
            }
            trim_end(line);
            text += line + '\n';
        }
    }
    return text;
}

}  // namespace cutover::cli
