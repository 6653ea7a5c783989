// Unpacks or checks the stream of a tree.
//
// The checker lets an entry through only when the folder it is in was itself an entry of the stream
// and is still the current one. The unpacker holds that folder open, so that it never follows a
// path: each entry is made by its bare name in a folder that this process made.

#include <archive.h>
#include <archive_entry.h>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <expected>
#include <fcntl.h>
#include <filesystem>
#include <functional>
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

#include "base/byte_source.h"
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

constexpr std::size_t kBuffer = std::size_t{256} * 1024;
constexpr std::uint64_t kProgressStep = std::uint64_t{4} * 1024 * 1024;

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::unexpected<Error> failed(std::string_view what, const std::string& path) {
    return std::unexpected(errno_error(errno, fmt::format("{} {}", what, path)));
}

struct Attributes {
    mode_t mode = 0;
    uid_t user = 0;
    gid_t group = 0;
    timespec time{};
    ExtendedAttributes extended;
};

// Where entries go.
class Target {
public:
    virtual ~Target() = default;
    virtual Result<> make(const Entry& entry, const Attributes& attributes) = 0;
    virtual Result<> write(std::span<const std::byte> bytes) = 0;  // of the file made last
    virtual Result<> end_file() = 0;
    virtual Result<> leave_folder(const std::string& path) = 0;
};

class NoTarget final : public Target {
public:
    Result<> make(const Entry&, const Attributes&) override { return {}; }
    Result<> write(std::span<const std::byte>) override { return {}; }
    Result<> end_file() override { return {}; }
    Result<> leave_folder(const std::string&) override { return {}; }
};

class FolderTarget final : public Target {
public:
    explicit FolderTarget(UniqueFd root) : root_(std::move(root)) {}

    Result<> make(const Entry& entry, const Attributes& attributes) override {
        const auto name = name_of(entry.path);
        const int parent = folders_.empty() ? root_.get() : folders_.back().fd.get();
        switch (entry.type) {
            case EntryType::folder: return make_folder(parent, name, entry.path, attributes);
            case EntryType::file: return make_file(parent, name, entry.path, attributes);
            case EntryType::symbolic_link:
                if (::symlinkat(entry.target.c_str(), parent, name.c_str()) != 0)
                    return failed("make link", entry.path);
                return set_link_attributes(parent, name, entry.path, attributes);
            case EntryType::hard_link: return make_hard_link(parent, name, entry);
        }
        std::unreachable();
    }

    Result<> write(std::span<const std::byte> bytes) override {
        return write_all(file_.fd.get(), bytes, file_.path);
    }

    Result<> end_file() override {
        if (!file_.fd) return {};
        TRY(set_attributes(file_));
        file_.fd.reset();
        return {};
    }

    // Only now, so that a folder without write permission can be filled, and keeps its time.
    Result<> leave_folder(const std::string&) override {
        TRY(set_attributes(folders_.back()));
        folders_.pop_back();
        return {};
    }

private:
    struct Open {
        UniqueFd fd;
        std::string path;
        Attributes attributes;
    };

    Result<> make_folder(int parent, const std::string& name, const std::string& path,
                         const Attributes& attributes) {
        if (::mkdirat(parent, name.c_str(), 0700) != 0) return failed("make folder", path);
        UniqueFd fd(
            ::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (!fd) return failed("open folder", path);
        folders_.push_back({.fd = std::move(fd), .path = path, .attributes = attributes});
        return {};
    }

    Result<> make_file(int parent, const std::string& name, const std::string& path,
                       const Attributes& attributes) {
        UniqueFd fd(::openat(parent, name.c_str(),
                             O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
        if (!fd) return failed("make file", path);
        file_ = {.fd = std::move(fd), .path = path, .attributes = attributes};
        return {};
    }

    // Goes from the root through real folders to the file that has the content already.
    Result<> make_hard_link(int parent, const std::string& name, const Entry& entry) {
        UniqueFd holder(::openat(root_.get(), ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
        std::string_view rest = entry.target;
        for (auto slash = rest.find('/'); holder && slash != rest.npos; slash = rest.find('/')) {
            holder.reset(::openat(holder.get(), std::string(rest.substr(0, slash)).c_str(),
                                  O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
            rest.remove_prefix(slash + 1);
        }
        struct stat info{};
        const std::string last(rest);
        if (!holder || ::fstatat(holder.get(), last.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(info.st_mode))
            return fail(errors::tree_link_outside, "the hard link '{}' points at '{}'", entry.path,
                        entry.target);
        if (::linkat(holder.get(), last.c_str(), parent, name.c_str(), 0) != 0)
            return failed("make hard link", entry.path);
        return {};
    }

    Result<> set_attributes(const Open& open) const {
        const auto& attributes = open.attributes;
        const std::array<timespec, 2> times{attributes.time, attributes.time};
        if (is_root_ && ::fchown(open.fd.get(), attributes.user, attributes.group) != 0)
            return failed("set the owner of", open.path);
        // After the owner, whose change takes capabilities away.
        TRY(write_attributes(open.fd.get(), attributes.extended, is_root_, open.path));
        if (::fchmod(open.fd.get(), attributes.mode) != 0)
            return failed("set the mode of", open.path);
        if (::futimens(open.fd.get(), times.data()) != 0)
            return failed("set the time of", open.path);
        return {};
    }

    Result<> set_link_attributes(int parent, const std::string& name, const std::string& path,
                                 const Attributes& attributes) const {
        const std::array<timespec, 2> times{attributes.time, attributes.time};
        if (is_root_ && ::fchownat(parent, name.c_str(), attributes.user, attributes.group,
                                   AT_SYMLINK_NOFOLLOW) != 0)
            return failed("set the owner of", path);
        if (::utimensat(parent, name.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0)
            return failed("set the time of", path);
        return {};
    }

    UniqueFd root_;
    std::vector<Open> folders_;  // open from the root to the last entry
    Open file_;
    bool is_root_ = ::geteuid() == 0;
};

struct FreeArchive {
    void operator()(archive* object) const { archive_read_free(object); }
};

// libarchive over a ByteSource. It cannot pass our errors on, so the first one is kept here.
class TarReader {
public:
    explicit TarReader(ByteSource& source) : source_(&source), archive_(archive_read_new()) {}

    Result<> open() {
        archive_read_support_format_tar(archive_.get());
        return check(archive_read_open(archive_.get(), this, nullptr, &TarReader::fill, nullptr));
    }

    // Null at the end.
    Result<archive_entry*> next() {
        archive_entry* entry = nullptr;
        const int code = archive_read_next_header(archive_.get(), &entry);
        if (code == ARCHIVE_EOF && !error_) return nullptr;
        TRY(check(code));
        return entry;
    }

    Result<std::size_t> read(std::span<std::byte> buffer) {
        const auto got = archive_read_data(archive_.get(), buffer.data(), buffer.size());
        if (got < 0) return check_failed_read();
        return static_cast<std::size_t>(got);
    }

    // After the end: exactly the two empty blocks, then nothing.
    Result<> check_end() {
        constexpr std::uint64_t kEndMark = 1024;
        const auto mark = archive_read_header_position(archive_.get());
        for (;;) {
            const auto got = TRY(source_->read(buffer_));
            if (got == 0) break;
            total_ += got;
        }
        if (mark < 0 || total_ != static_cast<std::uint64_t>(mark) + kEndMark)
            return fail(errors::tree_malformed, "the tree does not end where its stream ends");
        return {};
    }

private:
    static la_ssize_t fill(archive* object, void* self, const void** bytes) {
        auto& reader = *static_cast<TarReader*>(self);
        auto got = reader.source_->read(reader.buffer_);
        if (!got) {
            reader.error_ = std::move(got).error();
            archive_set_error(object, EIO, "the source failed");
            return -1;
        }
        reader.total_ += *got;
        *bytes = reader.buffer_.data();
        return static_cast<la_ssize_t>(*got);
    }
    Result<> check(int code) {
        if (error_) return std::unexpected(*error_);
        if (code == ARCHIVE_OK) return {};
        const auto* const text = archive_error_string(archive_.get());
        return fail(errors::tree_malformed, "{}", text == nullptr ? "no reason given" : text);
    }
    Result<std::size_t> check_failed_read() {
        TRY(check(ARCHIVE_FATAL));
        return std::size_t{0};
    }

    ByteSource* source_;
    std::uint64_t total_ = 0;
    std::optional<Error> error_;
    std::vector<std::byte> buffer_ = std::vector<std::byte>(kBuffer);
    std::unique_ptr<archive, FreeArchive> archive_;
};

Result<Entry> entry_from(archive_entry* raw) {
    const auto* const path = archive_entry_pathname(raw);
    if (path == nullptr) return fail(errors::tree_malformed, "an entry has no name");
    Entry entry{.path = path};
    const bool is_folder = archive_entry_filetype(raw) == AE_IFDIR;
    if (is_folder && entry.path.ends_with('/')) entry.path.pop_back();
    if (const auto* const target = archive_entry_hardlink(raw); target != nullptr) {
        if (archive_entry_size_is_set(raw) != 0 && archive_entry_size(raw) != 0)
            return fail(errors::tree_malformed, "the hard link '{}' has content", path);
        entry.type = EntryType::hard_link;
        entry.target = target;
        return entry;
    }
    switch (archive_entry_filetype(raw)) {
        case AE_IFREG: entry.type = EntryType::file; break;
        case AE_IFDIR: entry.type = EntryType::folder; break;
        case AE_IFLNK: entry.type = EntryType::symbolic_link; break;
        default: return fail(errors::tree_special_file, "'{}'", path);
    }
    if (entry.type == EntryType::symbolic_link) {
        const auto* const target = archive_entry_symlink(raw);
        entry.target = target == nullptr ? "" : target;
    }
    if (entry.type == EntryType::file) {
        if (archive_entry_size(raw) < 0 || archive_entry_sparse_count(raw) > 0)
            return fail(errors::tree_malformed, "the file '{}' has no plain size", path);
        entry.size = static_cast<std::uint64_t>(archive_entry_size(raw));
    }
    return entry;
}

Result<Attributes> attributes_of(archive_entry* raw) {
    Attributes attributes{.mode = archive_entry_mode(raw) & 07777U,
                          .user = static_cast<uid_t>(archive_entry_uid(raw)),
                          .group = static_cast<gid_t>(archive_entry_gid(raw)),
                          .time = {.tv_sec = archive_entry_mtime(raw), .tv_nsec = 0}};
    archive_entry_xattr_reset(raw);
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    while (archive_entry_xattr_next(raw, &name, &value, &size) == ARCHIVE_OK) {
        if (name == nullptr || !is_kept_attribute(name))
            return fail(errors::tree_malformed, "an entry has an attribute that no tree has");
        attributes.extended[name].assign(static_cast<const char*>(value), size);
    }
    return attributes;
}

class Unpacker {
public:
    Unpacker(ByteSource& stream, Target& target, const UnpackOptions& options)
        : reader_(stream), target_(&target), options_(&options) {}

    Result<TreeSize> run() {
        TRY(reader_.open());
        while (auto* const raw = TRY(reader_.next())) TRY(take(raw));
        TRY(checker_.leave_all(leave_));
        TRY(reader_.check_end());
        if (checker_.size().installed_bytes != options_->installed_bytes)
            return fail(errors::tree_size_lie, "the tree needs {} bytes, the package says {}",
                        checker_.size().installed_bytes, options_->installed_bytes);
        if (options_->on_progress) TRY(options_->on_progress(checker_.size().installed_bytes));
        return checker_.size();
    }

private:
    Result<> take(archive_entry* raw) {
        const auto entry = TRY(entry_from(raw));
        const auto before = checker_.size().installed_bytes;
        TRY(checker_.check(entry, leave_));
        if (checker_.size().installed_bytes > options_->installed_bytes)
            return fail(errors::tree_size_lie,
                        "'{}' goes beyond the {} bytes that the package says", entry.path,
                        options_->installed_bytes);
        if (options_->on_entry)
            TRY(options_->on_entry(entry.path, entry.type == EntryType::folder));
        TRY(target_->make(entry, TRY(attributes_of(raw))));
        if (entry.type == EntryType::file) TRY(copy_content(entry, before));
        return progress(checker_.size().installed_bytes);
    }

    Result<> copy_content(const Entry& entry, std::uint64_t before) {
        std::uint64_t total = 0;
        while (const auto got = TRY(reader_.read(buffer_))) {
            total += got;
            if (total > entry.size) break;
            TRY(target_->write(std::span<const std::byte>(buffer_).first(got)));
            TRY(progress(before + total));
        }
        if (total != entry.size)
            return fail(errors::tree_malformed, "the content of '{}' has another size", entry.path);
        return target_->end_file();
    }

    Result<> progress(std::uint64_t used) {
        if (!options_->on_progress || used < told_ + kProgressStep) return {};
        told_ = used;
        return options_->on_progress(used);
    }

    TarReader reader_;
    Target* target_;
    const UnpackOptions* options_;
    tree::Checker checker_;
    std::function<Result<>(const std::string&)> leave_ = [this](const std::string& path) {
        return target_->leave_folder(path);
    };
    std::uint64_t told_ = 0;
    std::vector<std::byte> buffer_ = std::vector<std::byte>(kBuffer);
};

}  // namespace

Result<TreeSize> unpack_tree(ByteSource& stream, const fs::path& folder,
                             const UnpackOptions& options) {
    FolderTarget target(TRY(open_file(folder, O_RDONLY | O_DIRECTORY)));
    return Unpacker(stream, target, options).run();
}

Result<TreeSize> check_tree(ByteSource& stream, const UnpackOptions& options) {
    NoTarget target;
    return Unpacker(stream, target, options).run();
}

}  // namespace cutover
