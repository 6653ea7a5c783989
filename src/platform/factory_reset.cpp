#include "platform/factory_reset.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <expected>
#include <fcntl.h>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"
#include "platform/errors.h"
#include "platform/persistence.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxBytes = std::size_t{256} * 1024;
constexpr std::size_t kMaxProblems = 20;
constexpr std::string_view kHeading = "factory reset 1";
constexpr std::array<std::string_view, 6> kActs{"keep", "empty", "remove", "cut", "copy", "folder"};

fs::path ordered(const fs::path& device) { return device / "reset"; }
fs::path carried_out(const fs::path& device) { return device / "reset.done"; }

bool is_there(const fs::path& path) {
    std::error_code ignored;
    return fs::exists(fs::symlink_status(path, ignored));
}

std::vector<std::string_view> split(std::string_view text, char at) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        parts.push_back(text.substr(0, text.find(at)));
        text.remove_prefix(std::min(text.size(), parts.back().size() + 1));
    }
    return parts;
}

std::optional<ResetLine> line_from(std::string_view text) {
    const auto parts = split(text, '\t');
    if (parts.size() < 2 || parts.size() > 3) return std::nullopt;
    const auto* const act = std::ranges::find(kActs, parts[0]);
    if (act == kActs.end()) return std::nullopt;
    return ResetLine{.act = static_cast<ResetAct>(act - kActs.begin()),
                     .path = parts[1],
                     .from = parts.size() > 2 ? fs::path(parts[2]) : fs::path()};
}

// Whether `path` is one of those that stay, or on the way to one.
bool stays(const fs::path& path, const std::vector<std::string>& kept) {
    const auto text = path.string();
    return std::ranges::any_of(kept, [&](const std::string& one) {
        return text.starts_with(one) || one.starts_with(text + "/");
    });
}

Result<dev_t> file_system_of(const fs::path& path) {
    struct stat info{};
    if (::lstat(path.c_str(), &info) != 0)
        return std::unexpected(errno_error(errno, fmt::format("look at {}", path.string())));
    return info.st_dev;
}

Result<> empty_folder(const fs::path& folder, const std::vector<std::string>& kept) {
    if (!is_there(folder)) return {};
    if (folder == folder.root_path()) return fail(Errc::invalid, "the root is never emptied");
    const auto here = TRY(file_system_of(folder));
    std::vector<fs::path> entries;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error))
        entries.push_back(entry->path());
    if (error)
        return std::unexpected(errno_error(error.value(), fmt::format("list {}", folder.string())));
    for (const auto& entry : entries)
        if (!stays(entry, kept) && TRY(file_system_of(entry)) == here) TRY(remove_tree(entry));
    return {};
}

Result<> cut_file(const fs::path& file) {
    if (!is_there(file)) return {};
    const auto fd = TRY(open_file(file, O_WRONLY | O_NOFOLLOW));
    if (::ftruncate(fd.get(), 0) != 0)
        return std::unexpected(errno_error(errno, fmt::format("cut {}", file.string())));
    return {};
}

Result<> carry_out(const ResetLine& line, const fs::path& device, std::vector<std::string>& kept) {
    const auto path = (device / line.path).lexically_normal();
    switch (line.act) {
        case ResetAct::keep: kept.push_back(path.string()); return {};
        case ResetAct::empty: return empty_folder(path, kept);
        case ResetAct::remove: return remove_tree(path);
        case ResetAct::cut: return cut_file(path);
        case ResetAct::copy: {
            const auto from = (device / line.from).lexically_normal();
            return is_there(from) ? copy_over(from, path, Existing::replaced) : Result<>();
        }
        case ResetAct::folder: return make_folders(path);
    }
    std::unreachable();
}

// The problems that were met, one a line.
std::string carry_out_all(const std::string& order, const fs::path& device) {
    std::string problems;
    std::size_t count = 0;
    const auto note = [&](const std::string& text) {
        if (++count <= kMaxProblems) problems += text + "\n";
    };
    std::vector<std::string> kept;
    const auto lines = split(order, '\n');
    if (lines.empty() || lines.front() != kHeading) note("what was ordered cannot be read");
    for (std::size_t i = 1; i < lines.size() && count == 0; ++i)
        if (!line_from(lines[i])) note("what was ordered cannot be read");
    if (count > 0) return problems;  // a line that is lost may be one of those that keep something
    for (const auto text : lines.empty() ? lines : std::vector(lines.begin() + 1, lines.end())) {
        fault_point("reset.line");
        if (const auto line = line_from(text))
            if (const auto done = carry_out(*line, device, kept); !done) note(done.error().text());
    }
    return problems;
}

}  // namespace

Result<> order_reset(const fs::path& device, const std::vector<ResetLine>& lines) {
    std::string text(kHeading);
    for (const auto& line : lines) {
        const auto named = line.path.string() + line.from.string();
        if (line.path.empty() || named.find_first_of("\n\t") != std::string::npos)
            return fail(errors::slot_bad_path, "'{}' cannot be taken away", named);
        text += fmt::format("\n{}\t{}", kActs.at(std::to_underlying(line.act)), line.path.string());
        if (!line.from.empty()) text += "\t" + line.from.string();
    }
    if (text.size() > kMaxBytes) return fail(Errc::invalid, "the factory reset is too long");
    TRY(remove_tree(carried_out(device)));
    return write_file_durably(ordered(device), text);
}

Result<> carry_out_reset(const fs::path& folder) {
    std::error_code error;
    const auto device = fs::canonical(folder, error);
    if (error) return {};  // there is no device, so nothing was ordered
    if (!is_there(ordered(device))) return {};
    const auto order = read_file(ordered(device), kMaxBytes);
    const auto problems = order ? carry_out_all(*order, device) : order.error().text() + "\n";
    TRY(sync_file_system(device));
    fault_point("reset.carried_out");
    TRY(write_file_durably(carried_out(device), problems));
    TRY(remove_tree(ordered(device)));
    fault_point("reset.removed");
    return sync_folder(device);
}

ResetState reset_state(const fs::path& device) {
    if (is_there(ordered(device))) return ResetState::ordered;
    return is_there(carried_out(device)) ? ResetState::carried_out : ResetState::none;
}

std::vector<std::string> reset_problems(const fs::path& device) {
    std::vector<std::string> problems;
    const auto text = read_file(carried_out(device), kMaxBytes).value_or("");
    for (const auto line : split(text, '\n')) problems.emplace_back(line);
    return problems;
}

Result<> forget_reset(const fs::path& device) {
    TRY(remove_tree(ordered(device)));
    TRY(remove_tree(carried_out(device)));
    return sync_folder(device);
}

}  // namespace cutover
