#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"

namespace cutover::gnoi_door {

struct FileInfo {
    std::string path;  // as clients name it: "/logs/a.txt"
    std::uint64_t modified_ns = 0;
    mode_t mode = 0;  // of permission bits only
    std::uint64_t size = 0;
};

// A folder that is / to clients. The kernel sees to it that no path leads out of it, by whatever
// links; nothing but files and folders is touched.
class FileRoot {
public:
    // A file that is being written. Until keep() it has no name that clients see; without it, it is
    // gone.
    class Incoming {
    public:
        Incoming(Incoming&&) noexcept;
        Incoming& operator=(Incoming&&) = delete;
        Incoming(const Incoming&) = delete;
        Incoming& operator=(const Incoming&) = delete;
        ~Incoming();

        Result<> write(std::string_view bytes);
        Result<> keep();  // durable, in place of what had the name

    private:
        friend class FileRoot;
        Incoming() = default;

        UniqueFd staging_;  // the folder of those without a name
        std::string own_name_;
        UniqueFd file_;
        UniqueFd folder_;
        std::string name_;
        mode_t mode_ = 0;
    };

    // Makes the folder if there is none, and forgets what a cut has left unfinished in it.
    static Result<FileRoot> open(const std::filesystem::path& folder);

    // Missing folders on the way are made.
    Result<Incoming> put(std::string_view path, mode_t mode);
    Result<UniqueFd> get(std::string_view path) const;
    Result<std::vector<FileInfo>> stat(std::string_view path) const;  // of a folder: what is in it
    Result<> remove(std::string_view path);

private:
    explicit FileRoot(UniqueFd root, UniqueFd staging)
        : root_(std::move(root)), staging_(std::move(staging)) {}

    UniqueFd root_;
    UniqueFd staging_;
};

}  // namespace cutover::gnoi_door
