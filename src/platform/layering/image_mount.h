#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"

namespace cutover {

// "squashfs", "ext4" or "erofs", by what is in the file; slot.bad_image for anything else.
Result<std::string> file_system_of(const std::filesystem::path& image);

// Gives the calling thread, and those it starts later, a mount namespace of their own.
Result<> enter_mount_namespace();

// A file system image mounted read-only through a loop device that the kernel frees with the mount.
// In a mount namespace of the calling thread and those it starts later: after kill -9 nothing is
// left, and nobody else sees it.
class ImageMount {
public:
    // slot.image_needs_root for anybody but root.
    static Result<std::unique_ptr<ImageMount>> mount(const std::filesystem::path& image,
                                                     const std::filesystem::path& at);
    // The same for root, in the namespace that the calling thread is in.
    static Result<std::unique_ptr<ImageMount>> mount_here(const std::filesystem::path& image,
                                                          const std::filesystem::path& at);
    ~ImageMount();
    ImageMount(const ImageMount&) = delete;
    ImageMount& operator=(const ImageMount&) = delete;

    const std::filesystem::path& root() const { return at_; }

    // Shows `from` in place of a file or folder of the image.
    Result<> bind(const std::filesystem::path& from, const std::filesystem::path& over);

private:
    explicit ImageMount(std::filesystem::path at) : at_(std::move(at)) {}

    std::filesystem::path at_;
    std::vector<std::filesystem::path> bound_;
};

// Unmounts whatever is mounted at or below `folder` in this namespace.
void unmount_below(const std::filesystem::path& folder);
bool is_mounted_below(const std::filesystem::path& folder);  // or at it

}  // namespace cutover
