#include "base/block_file.h"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <unistd.h>
#include <utility>

#include <fmt/core.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/unique_fd.h"

namespace cutover {
namespace {

class OpenBlockFile final : public BlockFile {
public:
    OpenBlockFile(UniqueFd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}

    Result<std::string> read(std::uint64_t offset, std::size_t size) const override {
        std::string bytes(size, '\0');
        for (std::size_t done = 0; done < size;) {
            const auto got = ::pread(fd_.get(), bytes.data() + done, size - done,
                                     static_cast<off_t>(offset + done));
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) return std::unexpected(errno_error(errno, fmt::format("read {}", name_)));
            if (got == 0)
                return fail(Errc::corrupt, "{} ends before byte {}", name_, offset + size);
            done += static_cast<std::size_t>(got);
        }
        return bytes;
    }

    Result<> write(std::uint64_t offset, std::string_view bytes) override {
        fault_point("block.write");
        while (!bytes.empty()) {
            const auto put =
                ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
            if (put < 0 && errno == EINTR) continue;
            if (put < 0) return std::unexpected(errno_error(errno, fmt::format("write {}", name_)));
            bytes.remove_prefix(static_cast<std::size_t>(put));
            offset += static_cast<std::uint64_t>(put);
        }
        return {};
    }

    Result<> sync() override {
        fault_point("block.sync");
        if (::fdatasync(fd_.get()) != 0)
            return std::unexpected(errno_error(errno, fmt::format("fdatasync {}", name_)));
        fault_point("block.synced");
        return {};
    }

private:
    UniqueFd fd_;
    std::string name_;
};

}  // namespace

Result<std::unique_ptr<BlockFile>> BlockFile::open(const std::filesystem::path& path) {
    auto fd = TRY(open_file(path, O_RDWR));
    return std::make_unique<OpenBlockFile>(std::move(fd), path.string());
}

}  // namespace cutover
