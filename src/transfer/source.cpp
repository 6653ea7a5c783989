#include "transfer/source.h"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <utility>

#include "base/byte_source.h"
#include "base/error.h"
#include "base/files.h"
#include "base/unique_fd.h"
#include "transfer/checked_source.h"
#include "transfer/curl_codes.h"
#include "transfer/errors.h"
#include "transfer/http_source.h"

namespace cutover {
namespace {

constexpr std::string_view kFileScheme = "file://";

class FileSource final : public ByteSource {
public:
    FileSource(UniqueFd fd, std::uint64_t bytes, std::string name, std::stop_token stop)
        : fd_(std::move(fd)), bytes_(bytes), name_(std::move(name)), stop_(std::move(stop)) {}

    Result<std::size_t> read(std::span<std::byte> buffer) override {
        if (stop_.stop_requested()) return fail(Errc::cancelled, "reading {} was stopped", name_);
        return read_up_to(fd_.get(), buffer, name_);
    }
    std::optional<std::uint64_t> total_bytes() const override { return bytes_; }

private:
    UniqueFd fd_;
    std::uint64_t bytes_;
    std::string name_;
    std::stop_token stop_;
};

Result<std::unique_ptr<ByteSource>> open_file_source(const std::string& path,
                                                     const TransferOptions& options) {
    // Not blocking: a pipe without a writer would keep us for ever.
    auto fd = open_file(path, O_RDONLY | O_NONBLOCK);
    if (!fd && fd.error().kind == Errc::not_found)
        return fail(errors::transfer_not_found, "{} does not exist", path);
    if (!fd) return std::unexpected(std::move(fd).error());
    struct stat info{};
    if (::fstat(fd->get(), &info) != 0 || !S_ISREG(info.st_mode))
        return fail(errors::transfer_bad_source, "{} is not a file", path);
    ::posix_fadvise(fd->get(), 0, 0, POSIX_FADV_SEQUENTIAL);
    return std::make_unique<FileSource>(*std::move(fd), static_cast<std::uint64_t>(info.st_size),
                                        path, options.stop);
}

// The path of file:///path or file://localhost/path; empty when it is not one.
std::string path_of(std::string_view url) {
    url.remove_prefix(kFileScheme.size());
    constexpr std::string_view kLocal = "localhost";
    if (url.starts_with(kLocal)) url.remove_prefix(kLocal.size());
    if (!url.starts_with('/')) return {};
    std::string path;
    for (std::size_t i = 0; i < url.size(); ++i) {
        char c = url[i];
        if (c == '%') {
            const auto digits = url.substr(i + 1, 2);
            unsigned value = 0;
            const auto [end, error] =
                std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
            const bool whole = digits.size() == 2 && end == digits.data() + digits.size();
            if (error != std::errc{} || !whole || value == 0) return {};
            c = static_cast<char>(value);
            i += 2;
        }
        path += c;
    }
    return path;
}

}  // namespace

std::string source_name(const std::string& file_or_url) {
    if (file_or_url.starts_with('/') || !file_or_url.contains("://")) return file_or_url;
    const bool local = file_or_url.starts_with(kFileScheme);
    auto name = file_or_url.substr(0, file_or_url.find_first_of(local ? "#" : "?#"));
    const auto host = name.find("://") + 3;
    const auto path = name.find('/', host);
    const auto at = name.rfind('@', path);
    if (at != std::string::npos && at >= host) name.erase(host, at + 1 - host);
    return name;
}

namespace {

Result<std::unique_ptr<ByteSource>> open_unchecked(const std::string& file_or_url,
                                                   const TransferOptions& options) {
    if (file_or_url.find('\0') != std::string::npos)
        return fail(errors::transfer_bad_source, "a source may not have a zero byte in it");
    if (is_http(file_or_url) || uses_ssh(file_or_url))
        return open_http_source(file_or_url, options);
    if (file_or_url.starts_with('/')) return open_file_source(file_or_url, options);
    if (file_or_url.starts_with(kFileScheme))
        if (const auto path = path_of(file_or_url); !path.empty())
            return open_file_source(path, options);
    return fail(errors::transfer_bad_source,
                "'{}' is neither an absolute path nor a file, http, https, sftp or scp URL",
                source_name(file_or_url));
}

}  // namespace

Result<std::unique_ptr<ByteSource>> open_source(const std::string& file_or_url,
                                                const TransferOptions& options) {
    const auto [url, digest] = TRY(split_checksum(file_or_url));
    auto source = TRY(open_unchecked(url, options));
    if (!digest) return source;
    return checked_source(std::move(source), *digest, source_name(url));
}

}  // namespace cutover
