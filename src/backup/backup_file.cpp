#include "backup/backup_file.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "backup/backup_manifest.h"
#include "backup/errors.h"
#include "backup/zstd_stream.h"
#include "base/byte_source.h"
#include "base/error.h"
#include "base/files.h"
#include "base/unique_fd.h"
#include "crypto/digest.h"
#include "model/backups.h"
#include "package/file_source.h"
#include "package/tar.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPiece = std::size_t{64} * 1024;

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}

// Gives what a member holds to `take`, in pieces.
Result<> each_piece(const BackupContent& content,
                    const std::function<Result<>(std::span<const std::byte>)>& take) {
    if (content.file.empty()) return take(bytes_of(content.text));
    auto source = TRY(FileSource::open(content.file));
    std::vector<std::byte> buffer(kPiece);
    for (;;) {
        const auto got = TRY(source.read(buffer));
        if (got == 0) return {};
        TRY(take(std::span(buffer).first(got)));
    }
}

Result<BackupMember> measure(const BackupContent& content) {
    BackupMember member{.name = content.name};
    Sha256 hash;
    TRY(each_piece(content, [&](std::span<const std::byte> piece) -> Result<> {
        hash.update(piece);
        member.bytes += piece.size();
        return {};
    }));
    member.sha256 = to_hex(hash.finish());
    const auto most = most_bytes_of_member(member.name);
    if (!most) return fail(errors::backup_too_large, "{} cannot be a member", member.name);
    if (member.bytes > *most)
        return fail(errors::backup_too_large, "{} has {} bytes, more than {}", member.name,
                    member.bytes, *most);
    return member;
}

// A tar's own words are about packages.
std::unexpected<Error> damaged(const Error& error) {
    if (error.id.starts_with("package."))
        return fail(errors::backup_damaged, "it is not laid out as a backup is: {}", error.message);
    return std::unexpected(error);
}

template <typename T>
Result<T> of_backup(Result<T> result) {
    if (result) return result;
    return damaged(result.error());
}

Result<std::string> next_name(tar::Reader& reader, std::uint64_t size_as_known) {
    const auto next = TRY(of_backup(reader.next()));
    if (next.end || reader.began_with_script() || next.entry.size != size_as_known)
        return fail(errors::backup_damaged, "its members are not those of its manifest");
    return next.entry.name;
}

Result<Backup> read_first(tar::Reader& reader) {
    const auto next = TRY(of_backup(reader.next()));
    if (next.end || reader.began_with_script() || next.entry.name != kBackupManifest ||
        next.entry.size > kMaxBackupManifest)
        return fail(errors::backup_damaged, "it does not begin with a manifest");
    std::string text(next.entry.size, '\0');
    TRY(of_backup(reader.read(std::as_writable_bytes(std::span(text)))));
    TRY(of_backup(reader.read_padding(text.size())));
    return parse_backup_manifest(text);
}

Result<> read_member(tar::Reader& reader, const BackupMember& member, const BackupSink& sink) {
    if (TRY(next_name(reader, member.bytes)) != member.name)
        return fail(errors::backup_damaged, "its members are not those of its manifest");
    TRY(sink(member, {}));
    Sha256 hash;
    std::vector<std::byte> buffer(kPiece);
    for (auto left = member.bytes; left > 0;) {
        const auto piece = std::span(buffer).first(
            static_cast<std::size_t>(std::min<std::uint64_t>(left, buffer.size())));
        TRY(of_backup(reader.read(piece)));
        hash.update(piece);
        TRY(sink(member, piece));
        left -= piece.size();
    }
    if (to_hex(hash.finish()) != member.sha256)
        return fail(errors::backup_damaged, "{} is not what was backed up", member.name);
    return of_backup(reader.read_padding(member.bytes));
}

// One member's file at a time.
class Unpacking {
public:
    explicit Unpacking(fs::path folder) : folder_(std::move(folder)) {}

    Result<> take(const BackupMember& member, std::span<const std::byte> piece) {
        if (piece.empty()) return begin(folder_ / member.name);
        return write_all(fd_.get(), piece, path_.string());
    }
    Result<> end() {
        if (fd_) TRY(sync_fd(fd_.get(), path_.string()));
        fd_ = UniqueFd();
        return {};
    }

private:
    Result<> begin(const fs::path& path) {
        TRY(end());
        path_ = path;
        TRY(make_folders(path.parent_path()));
        fd_ = TRY(open_file(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
        return {};
    }

    fs::path folder_;
    fs::path path_;
    UniqueFd fd_;
};

}  // namespace

Result<Backup> write_backup(Backup about, const std::vector<BackupContent>& contents, int fd,
                            const fs::path& name) {
    about.members.clear();
    for (const auto& content : contents) about.members.push_back(TRY(measure(content)));
    const auto manifest = to_json(about);
    ZstdWriter out(fd, name.string());
    TRY(out.write(bytes_of(tar::header(kBackupManifest, manifest.size()))));
    TRY(out.write(bytes_of(manifest)));
    TRY(out.write(bytes_of(std::string(tar::padding(manifest.size()), '\0'))));
    for (std::size_t i = 0; i < contents.size(); ++i) {
        const auto& member = about.members[i];
        TRY(out.write(bytes_of(tar::header(member.name, member.bytes))));
        Sha256 hash;
        TRY(each_piece(contents[i], [&](std::span<const std::byte> piece) {
            hash.update(piece);
            return out.write(piece);
        }));
        if (to_hex(hash.finish()) != member.sha256)
            return fail(Errc::conflict, "{} has changed while it was read", member.name);
        TRY(out.write(bytes_of(std::string(tar::padding(member.bytes), '\0'))));
    }
    TRY(out.write(bytes_of(tar::end_mark())));
    TRY(out.end());
    return about;
}

Result<Backup> read_backup_manifest(ByteSource& file) {
    ZstdSource content(file);
    tar::Reader reader(content);
    return read_first(reader);
}

Result<Backup> read_backup(ByteSource& file, const BackupSink& sink) {
    ZstdSource content(file);
    tar::Reader reader(content);
    auto backup = TRY(read_first(reader));
    for (const auto& member : backup.members) TRY(read_member(reader, member, sink));
    const auto last = TRY(of_backup(reader.next()));
    if (!last.end) return fail(errors::backup_damaged, "its manifest does not name all members");
    return backup;
}

Result<Backup> unpack_backup(const fs::path& file, const fs::path& folder,
                             const BackupFilter& wanted) {
    auto source = TRY(FileSource::open(file));
    Unpacking unpacking(folder);
    TRY(make_folders(folder));
    auto backup =
        TRY(read_backup(source, [&](const BackupMember& member, std::span<const std::byte> piece) {
            return wanted && !wanted(member) ? Result<>() : unpacking.take(member, piece);
        }));
    TRY(unpacking.end());
    TRY(sync_file_system(folder));
    return backup;
}

}  // namespace cutover
