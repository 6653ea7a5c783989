#include "backends/systemd_boot/entry_folder.h"

#include <cerrno>
#include <cstddef>
#include <expected>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "backends/systemd_boot/boot_entry.h"
#include "backends/systemd_boot/errors.h"
#include "base/block_file.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxEntries = 1000;

class OpenEntryFolder final : public EntryFolder {
public:
    explicit OpenEntryFolder(fs::path folder) : folder_(std::move(folder)) {}

    Result<std::vector<std::string>> list() const override {
        std::vector<std::string> names;
        std::error_code error;
        for (fs::directory_iterator it(folder_, error), end; !error && it != end;
             it.increment(error)) {
            names.push_back(it->path().filename().string());
            if (names.size() == kMaxEntries) break;
        }
        if (error)
            return std::unexpected(
                errno_error(error.value(), fmt::format("list {}", folder_.string())));
        return names;
    }

    Result<std::string> read(std::string_view name) const override {
        return read_file(folder_ / name, kEntryBytes);
    }

    Result<> create(std::string_view name, std::string_view content) override {
        const auto path = folder_ / name;
        fault_point("entry.create");
        const auto fd = TRY(open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0644));
        TRY(write_all(fd.get(), std::as_bytes(std::span(content)), path.string()));
        fault_point("entry.fsync");
        TRY(sync_fd(fd.get(), path.string()));
        TRY(sync_folder(folder_));
        fault_point("entry.created");
        return {};
    }

    Result<> rewrite(std::string_view name, std::string_view content) override {
        const auto file = TRY(BlockFile::open(folder_ / name));
        TRY(file->write(0, content));
        return file->sync();
    }

    Result<> remove(std::string_view name) override {
        const auto path = folder_ / name;
        fault_point("entry.remove");
        if (::unlink(path.c_str()) != 0 && errno != ENOENT)
            return std::unexpected(errno_error(errno, fmt::format("remove {}", path.string())));
        TRY(sync_folder(folder_));
        fault_point("entry.removed");
        return {};
    }

private:
    fs::path folder_;
};

}  // namespace

Result<std::unique_ptr<EntryFolder>> EntryFolder::open(const fs::path& esp) {
    auto folder = esp / "loader" / "entries";
    std::error_code error;
    if (!fs::is_directory(folder, error))
        return fail(errors::sdboot_no_entries, "{} is no folder", folder.string());
    return std::make_unique<OpenEntryFolder>(std::move(folder));
}

}  // namespace cutover
