#include "engine/copied_source.h"

#include <cstddef>
#include <expected>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <span>
#include <utility>

#include "base/byte_source.h"
#include "base/error.h"
#include "base/files.h"

namespace cutover {

CopiedSource::CopiedSource(std::unique_ptr<ByteSource> source, std::filesystem::path copy)
    : source_(std::move(source)), copy_(std::move(copy)) {
    auto fd = open_file(copy_, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (fd)
        fd_ = *std::move(fd);
    else
        written_ = std::unexpected(std::move(fd.error()));
}

CopiedSource::~CopiedSource() {
    if (fd_ && !whole_) static_cast<void>(remove_tree(copy_));
}

Result<std::size_t> CopiedSource::read(std::span<std::byte> buffer) {
    const auto got = TRY(source_->read(buffer));
    if (got < buffer.size()) ended_ = true;
    if (written_) written_ = write_all(fd_.get(), buffer.first(got), copy_.string());
    return got;
}

Result<> CopiedSource::end() {
    TRY(written_);
    if (!ended_) return fail(Errc::conflict, "{} is not all of it", copy_.string());
    TRY(sync_fd(fd_.get(), copy_.string()));
    whole_ = true;
    return {};
}

}  // namespace cutover
