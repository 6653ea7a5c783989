#include "package/file_source.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/files.h"

namespace cutover {

Result<FileSource> FileSource::open(const std::filesystem::path& path) {
    auto fd = TRY(open_file(path, O_RDONLY));
    // A hint that may be ignored, as on a pipe.
    (void)::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
    return FileSource(std::move(fd), path.string());
}

Result<std::size_t> FileSource::read(std::span<std::byte> buffer) {
    return read_up_to(fd_.get(), buffer, name_);
}

Result<std::size_t> MemorySource::read(std::span<std::byte> buffer) {
    const auto count = std::min(buffer.size(), bytes_.size());
    if (count > 0) std::memcpy(buffer.data(), bytes_.data(), count);
    bytes_ = bytes_.subspan(count);
    return count;
}

}  // namespace cutover
