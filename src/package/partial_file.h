#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"

namespace cutover {

// A package file in the making, beside the place where it will be. Removed unless it is committed.
class PartialFile {
public:
    static Result<PartialFile> create(const std::filesystem::path& final_path,
                                      std::string_view suffix);
    PartialFile(PartialFile&& other) noexcept;
    PartialFile& operator=(PartialFile&&) = delete;
    PartialFile(const PartialFile&) = delete;
    PartialFile& operator=(const PartialFile&) = delete;
    ~PartialFile();

    int fd() const { return fd_.get(); }
    std::uint64_t written() const { return written_; }

    Result<> write(std::string_view bytes);
    Result<> write_member(std::string_view name,
                          std::string_view content);  // header and padding too
    // The rest of an open file from `offset` on.
    Result<> copy_from(int fd, std::uint64_t offset, std::string_view what);
    Result<> make_executable();
    Result<> commit();  // durable under its final name when this returns

private:
    PartialFile(UniqueFd fd, std::filesystem::path path, std::filesystem::path final_path);

    UniqueFd fd_;
    std::filesystem::path path_;
    std::filesystem::path final_path_;
    std::uint64_t written_ = 0;
};

}  // namespace cutover
