// Packs a folder.

#include <algorithm>
#include <archive.h>
#include <archive_entry.h>
#include <array>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <dirent.h>
#include <expected>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "base/files.h"
#include "base/unique_fd.h"
#include "package/errors.h"
#include "package/extended_attributes.h"
#include "package/tree.h"
#include "package/tree_rules.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;
using tree::Entry;
using tree::EntryType;

constexpr std::size_t kBuffer = std::size_t{64} * 1024;
constexpr int kMaxDepth = 256;

struct FreeArchive {
    void operator()(archive* object) const { archive_write_free(object); }
};
struct FreeEntry {
    void operator()(archive_entry* object) const { archive_entry_free(object); }
};

struct Metadata {
    mode_t mode = 0;
    uid_t user = 0;
    gid_t group = 0;
    ExtendedAttributes attributes;
};

// The tar stream. libarchive cannot pass our errors on, so the first one is kept here.
class TarWriter {
public:
    explicit TarWriter(const TreeSink& sink) : sink_(&sink), archive_(archive_write_new()) {}

    Result<> open() {
        archive_write_set_format_pax_restricted(archive_.get());
        // Names are bytes, whatever the locale; attributes are written once and not in two ways.
        TRY(check(
            archive_write_set_options(archive_.get(), "hdrcharset=BINARY,xattrheader=SCHILY")));
        archive_write_set_bytes_per_block(archive_.get(), kBuffer);
        archive_write_set_bytes_in_last_block(archive_.get(), 1);
        return check(archive_write_open2(archive_.get(), this, nullptr, &TarWriter::pass_on,
                                         nullptr, nullptr));
    }

    Result<> add(const Entry& entry, const Metadata& metadata) {
        const auto mode = metadata.mode;
        const std::unique_ptr<archive_entry, FreeEntry> header(archive_entry_new());
        auto* const raw = header.get();
        archive_entry_set_pathname(raw, entry.path.c_str());
        archive_entry_set_mtime(raw, tree::kTime, 0);
        archive_entry_set_uid(raw, metadata.user);
        archive_entry_set_gid(raw, metadata.group);
        for (const auto& [name, value] : metadata.attributes)
            archive_entry_xattr_add_entry(raw, name.c_str(), value.data(), value.size());
        switch (entry.type) {
            case EntryType::folder: archive_entry_set_mode(raw, S_IFDIR | mode); break;
            case EntryType::file:
                archive_entry_set_mode(raw, S_IFREG | mode);
                archive_entry_set_size(raw, static_cast<la_int64_t>(entry.size));
                break;
            case EntryType::symbolic_link:
                archive_entry_set_mode(raw, S_IFLNK | 0777);
                archive_entry_set_symlink(raw, entry.target.c_str());
                break;
            case EntryType::hard_link:
                archive_entry_set_mode(raw, S_IFREG | mode);
                archive_entry_set_hardlink(raw, entry.target.c_str());
                break;
        }
        return check(archive_write_header(archive_.get(), raw));
    }

    Result<> write(std::span<const std::byte> bytes) {
        const auto written = archive_write_data(archive_.get(), bytes.data(), bytes.size());
        if (written == static_cast<la_ssize_t>(bytes.size())) return {};
        return check(ARCHIVE_FATAL);
    }

    Result<> close() { return check(archive_write_close(archive_.get())); }

private:
    static la_ssize_t pass_on(archive* object, void* self, const void* bytes, std::size_t size) {
        auto& writer = *static_cast<TarWriter*>(self);
        auto done = (*writer.sink_)({static_cast<const std::byte*>(bytes), size});
        if (done) return static_cast<la_ssize_t>(size);
        writer.error_ = std::move(done).error();
        archive_set_error(object, EIO, "the sink failed");
        return -1;
    }
    Result<> check(int code) {
        if (error_) return std::unexpected(*error_);
        if (code == ARCHIVE_OK) return {};
        const auto* const text = archive_error_string(archive_.get());
        return fail(errors::package_build_input, "{}", text == nullptr ? "no reason given" : text);
    }

    const TreeSink* sink_;
    std::optional<Error> error_;
    std::unique_ptr<archive, FreeArchive> archive_;  // last: closing it may still call pass_on()
};

struct CloseFolder {
    void operator()(DIR* folder) const { ::closedir(folder); }
};

Result<std::vector<std::string>> names_in(int folder, const std::string& path) {
    UniqueFd copy(::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!copy) return std::unexpected(errno_error(errno, fmt::format("read folder {}", path)));
    const std::unique_ptr<DIR, CloseFolder> stream(::fdopendir(copy.get()));
    if (stream == nullptr)
        return std::unexpected(errno_error(errno, fmt::format("read folder {}", path)));
    (void)copy.release();  // the stream owns it now
    std::vector<std::string> names;
    errno = 0;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): each call has a stream of its own
    while (const auto* const entry = ::readdir(stream.get())) {
        const std::string_view name = entry->d_name;
        if (name != "." && name != "..") names.emplace_back(name);
    }
    if (errno != 0) return std::unexpected(errno_error(errno, fmt::format("read folder {}", path)));
    std::ranges::sort(names, [](const std::string& a, const std::string& b) {
        return std::ranges::lexicographical_compare(a, b, [](char x, char y) {
            return static_cast<unsigned char>(x) < static_cast<unsigned char>(y);
        });
    });
    return names;
}

// Walks the folder in the order of the stream. `writer` is null when it is only measured.
class Packer {
public:
    explicit Packer(TarWriter* writer, TreeOwners owners = TreeOwners::root)
        : writer_(writer), owners_(owners) {}

    Result<> walk(int folder, const std::string& path, int depth) {
        if (depth > kMaxDepth)
            return fail(errors::package_build_input, "{} is deeper than {} folders", path,
                        kMaxDepth);
        for (const auto& name : TRY(names_in(folder, path)))
            TRY(add(folder, name, path.empty() ? name : fmt::format("{}/{}", path, name), depth));
        return {};
    }

    const TreeSize& size() const { return checker_.size(); }

private:
    Result<> add(int folder, const std::string& name, const std::string& path, int depth) {
        struct stat info{};
        if (::fstatat(folder, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
            return std::unexpected(errno_error(errno, fmt::format("look at {}", path)));
        Entry entry{.path = path};
        if (S_ISLNK(info.st_mode)) {
            entry.type = EntryType::symbolic_link;
            entry.target = tree::relative_target(path, TRY(link_target(folder, name, path)));
            return write(entry, metadata_of(info));
        }
        if (!S_ISDIR(info.st_mode) && !S_ISREG(info.st_mode))
            return fail(errors::tree_special_file, "'{}' is no file, folder or link", path);
        if (S_ISREG(info.st_mode) && info.st_nlink > 1) {
            const auto [first, added] = files_.try_emplace({info.st_dev, info.st_ino}, path);
            if (!added) {
                entry.type = EntryType::hard_link;
                entry.target = first->second;
                return write(entry, metadata_of(info));
            }
        }
        const UniqueFd inner(
            ::openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
        if (!inner) return std::unexpected(errno_error(errno, fmt::format("open {}", path)));
        auto metadata = metadata_of(info);
        metadata.attributes = TRY(read_attributes(inner.get(), path));
        if (S_ISDIR(info.st_mode)) {
            entry.type = EntryType::folder;
            TRY(write(entry, metadata));
            return walk(inner.get(), path, depth + 1);
        }
        entry.size = static_cast<std::uint64_t>(info.st_size);
        TRY(write(entry, metadata));
        return writer_ == nullptr ? Result<>() : copy_content(inner.get(), entry);
    }

    Metadata metadata_of(const struct stat& info) const {
        const bool keep = owners_ == TreeOwners::keep;
        return {.mode = info.st_mode & 07777U,
                .user = keep ? info.st_uid : 0,
                .group = keep ? info.st_gid : 0};
    }

    static Result<std::string> link_target(int folder, const std::string& name,
                                           const std::string& path) {
        std::array<char, PATH_MAX> target{};
        const auto size = ::readlinkat(folder, name.c_str(), target.data(), target.size());
        if (size < 0) return std::unexpected(errno_error(errno, fmt::format("read link {}", path)));
        return std::string(target.data(), static_cast<std::size_t>(size));
    }

    Result<> write(const Entry& entry, const Metadata& metadata) {
        TRY(checker_.check(entry, [](const std::string&) { return Result<>(); }));
        return writer_ == nullptr ? Result<>() : writer_->add(entry, metadata);
    }

    Result<> copy_content(int file, const Entry& entry) {
        std::uint64_t total = 0;
        for (;;) {
            const auto got = TRY(read_up_to(file, buffer_, entry.path));
            total += got;
            if (total > entry.size || (got == 0 && total < entry.size))
                return fail(errors::package_build_input, "{} changes while it is read", entry.path);
            if (got == 0) return {};
            TRY(writer_->write(std::span<const std::byte>(buffer_).first(got)));
        }
    }

    TarWriter* writer_;
    TreeOwners owners_;
    tree::Checker checker_;
    std::map<std::pair<dev_t, ino_t>, std::string> files_;  // with more than one name
    std::vector<std::byte> buffer_ = std::vector<std::byte>(kBuffer);
};

}  // namespace

Result<TreeSize> measure_tree(const fs::path& folder) {
    const auto root = TRY(open_file(folder, O_RDONLY | O_DIRECTORY));
    Packer packer(nullptr);
    TRY(packer.walk(root.get(), "", 0));
    return packer.size();
}

Result<TreeSize> pack_tree(const fs::path& folder, const TreeSink& sink, TreeOwners owners) {
    const auto root = TRY(open_file(folder, O_RDONLY | O_DIRECTORY));
    TarWriter writer(sink);
    TRY(writer.open());
    Packer packer(&writer, owners);
    TRY(packer.walk(root.get(), "", 0));
    TRY(writer.close());
    return packer.size();
}

}  // namespace cutover
