#include "platform/host_facts.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <glob.h>
#include <gnu/libc-version.h>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <sys/utsname.h>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/files.h"
#include "model/version.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxSmallFile = std::size_t{64} * 1024;
constexpr std::size_t kMaxFileList = std::size_t{16} * 1024 * 1024;
constexpr std::size_t kMaxPackageStatus = std::size_t{64} * 1024 * 1024;
constexpr std::size_t kMaxFolders = 256;
constexpr std::size_t kMaxPackages = 50'000;

fs::path below(const fs::path& root, const fs::path& path) { return root / path.relative_path(); }

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kSpace = " \t\r";
    const auto first = text.find_first_not_of(kSpace);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::string_view unquoted(std::string_view text) {
    const bool quoted = text.size() >= 2 && text.front() == text.back() &&
                        (text.front() == '"' || text.front() == '\'');
    return quoted ? text.substr(1, text.size() - 2) : text;
}

template <typename Take>
void each_line(std::string_view text, Take take) {
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        take(line);
    }
}

std::vector<fs::path> matching(const fs::path& pattern) {
    std::vector<fs::path> files;
    glob_t found{};
    if (::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) == 0)
        for (std::size_t i = 0; i < std::min(found.gl_pathc, kMaxFolders); ++i)
            files.emplace_back(found.gl_pathv[i]);
    ::globfree(&found);
    std::ranges::sort(files);
    return files;
}

// One level of includes, as systems have it.
void add_folders(const fs::path& root, const fs::path& file, bool may_include,
                 std::vector<fs::path>& folders) {
    const auto text = read_file(file, kMaxSmallFile).value_or("");
    each_line(text, [&](std::string_view line) {
        line = trimmed(line.substr(0, line.find('#')));
        constexpr std::string_view kInclude = "include ";
        if (line.empty() || folders.size() >= kMaxFolders) return;
        if (!line.starts_with(kInclude)) {
            folders.push_back(below(root, fs::path(line)));
            return;
        }
        const fs::path pattern(trimmed(line.substr(kInclude.size())));
        if (!may_include) return;
        for (const auto& included :
             matching(pattern.is_absolute() ? below(root, pattern) : file.parent_path() / pattern))
            add_folders(root, included, false, folders);
    });
}

std::vector<fs::path> library_folders(const fs::path& root) {
    std::vector<fs::path> folders;
    add_folders(root, root / "etc/ld.so.conf", true, folders);
    for (const auto* const usual : {"lib", "usr/lib", "lib64", "usr/lib64"})
        folders.push_back(root / usual);
    return folders;
}

// "1.2.13" of libz.so.1.2.13, where libz.so.1 was asked for.
std::optional<Version> version_in_name(const fs::path& file, std::string_view soname) {
    std::error_code error;
    const auto real = fs::canonical(file, error).filename().string();
    if (error || real.size() <= soname.size() || !real.starts_with(soname)) return std::nullopt;
    const auto number = std::string_view(real).substr(real.find(".so.") + 4);
    return real.contains(".so.") ? leading_version(number) : std::nullopt;
}

// "libssl3:amd64", of the package that the file belongs to.
std::string owner_of(const fs::path& root, const fs::path& file) {
    // A merged /usr is known by one name or the other.
    const auto name = "/" + file.lexically_relative(root).string();
    const auto other = name.starts_with("/usr/") ? name.substr(4) : "/usr" + name;
    std::error_code error;
    std::size_t count = 0;
    for (fs::directory_iterator entry(root / "var/lib/dpkg/info", error), end;
         !error && entry != end && count < kMaxPackages; entry.increment(error), ++count) {
        if (entry->path().extension() != ".list") continue;
        const auto list = read_file(entry->path(), kMaxFileList);
        if (!list) continue;
        const auto has = [&](const std::string& path) {
            return ("\n" + *list).contains("\n" + path + "\n");
        };
        if (list->contains(file.filename().string()) && (has(name) || has(other)))
            return entry->path().stem().string();
    }
    return {};
}

std::optional<Version> version_of_package(const fs::path& root, const std::string& owner) {
    if (owner.empty()) return std::nullopt;
    const auto colon = owner.find(':');
    const auto name = owner.substr(0, colon);
    const auto architecture = colon == std::string::npos ? std::string() : owner.substr(colon + 1);
    const auto status = read_file(root / "var/lib/dpkg/status", kMaxPackageStatus).value_or("");
    std::map<std::string_view, std::string_view> fields;
    std::optional<Version> version;
    const auto end_paragraph = [&] {
        const bool same = fields["Package"] == name &&
                          (architecture.empty() || fields["Architecture"] == architecture);
        if (same && !version) version = leading_version(fields["Version"]);
        fields.clear();
    };
    each_line(status, [&](std::string_view line) {
        if (line.empty()) return end_paragraph();
        for (const std::string_view key : {"Package", "Architecture", "Version"})
            if (line.starts_with(key) && line.substr(key.size()).starts_with(": "))
                fields[key] = line.substr(key.size() + 2);
    });
    end_paragraph();
    return version;
}

}  // namespace

std::optional<Version> leading_version(std::string_view text) {
    if (const auto colon = text.find(':'); colon != std::string_view::npos)
        text.remove_prefix(colon + 1);
    std::string numbers;
    constexpr std::size_t kMaxParts = 8;
    for (std::size_t part = 0; part < kMaxParts; ++part) {
        std::uint32_t value = 0;
        const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error != std::errc{}) break;
        numbers += fmt::format("{}{}", part == 0 ? "" : ".", value);
        text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
        if (!text.starts_with('.')) break;
        text.remove_prefix(1);
    }
    auto version = Version::parse(numbers);
    if (!version) return std::nullopt;
    return *std::move(version);
}

std::optional<OperatingSystem> operating_system(const fs::path& root) {
    auto text = read_file(root / "etc/os-release", kMaxSmallFile);
    if (!text) text = read_file(root / "usr/lib/os-release", kMaxSmallFile);
    if (!text) return std::nullopt;
    OperatingSystem system;
    each_line(*text, [&](std::string_view line) {
        const auto take = [&](std::string_view key, std::string& value) {
            if (line.starts_with(key))
                value = std::string(unquoted(trimmed(line.substr(key.size()))));
        };
        take("ID=", system.id);
        take("VERSION_ID=", system.version);
        take("PRETTY_NAME=", system.full_name);
    });
    if (system.id.empty()) return std::nullopt;
    return system;
}

std::string kernel_release() {
    utsname names{};
    return ::uname(&names) == 0 ? std::string(std::string_view(names.release)) : std::string();
}

std::optional<FoundLibrary> find_library(const fs::path& root, std::string_view soname) {
    for (const auto& folder : library_folders(root)) {
        const auto file = folder / soname;
        std::error_code error;
        if (!fs::is_regular_file(file, error)) continue;
        FoundLibrary found{.file = file, .version = version_in_name(file, soname)};
        if (!found.version) found.version = version_of_package(root, owner_of(root, file));
        if (!found.version && root == "/" && soname == "libc.so.6")
            found.version = leading_version(::gnu_get_libc_version());
        return found;
    }
    return std::nullopt;
}

}  // namespace cutover
