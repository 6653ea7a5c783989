#include "platform/layering/tree_writer.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <filesystem>
#include <set>
#include <span>
#include <sys/stat.h>
#include <sys/types.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "base/byte_source.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/unique_fd.h"
#include "model/manifest.h"
#include "package/tree.h"
#include "platform/errors.h"
#include "platform/layering/image_writer.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

// A file whose blocks nobody else can take; it gives them back as the tree grows.
class Reserve {
public:
    static Result<Reserve> make(const fs::path& file, std::uint64_t size_bytes) {
        auto fd = TRY(open_file(file, O_RDWR | O_CREAT | O_TRUNC));
        TRY(reserve_blocks(fd.get(), size_bytes, file));
        return Reserve(std::move(fd), size_bytes);
    }

    void give_back(std::uint64_t written) {
        const auto left = size_bytes_ - std::min(size_bytes_, written);
        // One step ahead of the tree, and not at every block.
        const auto wanted = left - std::min(left, kStep);
        if (wanted >= left_bytes_ || (left_bytes_ - wanted < kStep && wanted != 0)) return;
        if (::ftruncate(fd_.get(), static_cast<off_t>(wanted)) == 0) left_bytes_ = wanted;
    }

private:
    static constexpr std::uint64_t kStep = std::uint64_t{4} * 1024 * 1024;
    Reserve(UniqueFd fd, std::uint64_t size_bytes)
        : fd_(std::move(fd)), size_bytes_(size_bytes), left_bytes_(size_bytes) {}

    UniqueFd fd_;
    std::uint64_t size_bytes_;
    std::uint64_t left_bytes_;
};

// Hands on what the manifest promises, and fails where there is less or more.
class ExactSource final : public ByteSource {
public:
    ExactSource(ByteSource& content, std::uint64_t size_bytes)
        : content_(content), left_(size_bytes) {}

    Result<std::size_t> read(std::span<std::byte> buffer) override {
        const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), left_));
        const auto got = TRY(content_.read(buffer.first(wanted)));
        if (got < wanted)
            return fail(errors::slot_wrong_content, "the content ends {} bytes too early",
                        left_ - got);
        left_ -= got;
        return got;
    }

    // What an unpacker leaves unread: a tar is filled up at its end.
    Result<> read_to_end() {
        std::array<std::byte, 4096> buffer{};
        while (TRY(read(buffer)) > 0) {
        }
        if (TRY(content_.read(std::span(buffer).first(1))) != 0)
            return fail(errors::slot_wrong_content, "the content is longer than its manifest says");
        return {};
    }

private:
    ByteSource& content_;
    std::uint64_t left_;
};

}  // namespace

// Disk blocks below `folder`, those of hard links once.
std::uint64_t used_bytes(const fs::path& folder) {
    std::uint64_t total = 0;
    std::set<std::pair<dev_t, ino_t>> seen;
    const auto add = [&](const fs::path& path) {
        struct stat info{};
        if (::lstat(path.c_str(), &info) != 0) return;
        if (info.st_nlink > 1 && !S_ISDIR(info.st_mode) &&
            !seen.emplace(info.st_dev, info.st_ino).second)
            return;
        total += static_cast<std::uint64_t>(info.st_blocks) * 512;
    };
    std::error_code error;
    for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error))
        add(entry->path());
    return total;
}

Result<> write_tree(const fs::path& root, const fs::path& reserve_file, const Manifest& manifest,
                    ByteSource& content) {
    {
        auto reserve = TRY(Reserve::make(reserve_file, manifest.payload.installed_bytes));
        fault_point("slot.tree_reserved");
        TRY(make_folders(root));
        ExactSource exact(content, manifest.payload.content_bytes);
        TRY(unpack_tree(exact, root,
                        {.installed_bytes = manifest.payload.installed_bytes,
                         .on_progress = [&](std::uint64_t used) -> Result<> {
                             reserve.give_back(used);
                             return {};
                         }}));
        TRY(exact.read_to_end());
    }
    fault_point("slot.tree_unpacked");
    return remove_tree(reserve_file);
}

}  // namespace cutover
