#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace cutover::cli {

// Rows of cells in aligned columns, two spaces apart. Cells are made printable. When the table
// would be wider than allowed, its widest columns wrap.
class Table {
public:
    explicit Table(std::vector<std::string> headers) : rows_{std::move(headers)} {}

    void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
    bool empty() const { return rows_.size() == 1; }

    std::string text(int width) const;  // each line with its line break

private:
    std::vector<std::size_t> column_widths(std::size_t width) const;

    std::vector<std::vector<std::string>> rows_;
};

}  // namespace cutover::cli
