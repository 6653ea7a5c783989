#include "platform/layering/image_mount.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <fcntl.h>
#include <filesystem>
#include <linux/loop.h>
#include <memory>
#include <sched.h>
#include <span>
#include <string>
#include <string_view>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "base/files.h"
#include "base/unique_fd.h"
#include "platform/errors.h"
#include "platform/layering/errors.h"
#include "platform/superblock.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxMountInfo = std::size_t{4} * 1024 * 1024;
constexpr int kLoopTries = 10;

// A free loop device may be taken by somebody else before we configure it: then the next one.
Result<std::pair<UniqueFd, std::string>> attach_loop(const fs::path& image) {
    const auto file = TRY(open_file(image, O_RDONLY));
    const auto control = TRY(open_file("/dev/loop-control", O_RDWR));
    for (int i = 0; i < kLoopTries; ++i) {
        const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
        if (number < 0) return std::unexpected(errno_error(errno, "find a loop device"));
        auto device = fmt::format("/dev/loop{}", number);
        auto loop = TRY(open_file(device, O_RDONLY));
        loop_config config{};
        config.fd = static_cast<std::uint32_t>(file.get());
        config.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR;
        if (::ioctl(loop.get(), LOOP_CONFIGURE, &config) == 0)
            return std::pair(std::move(loop), std::move(device));
        if (errno != EBUSY)
            return std::unexpected(errno_error(errno, fmt::format("configure {}", device)));
    }
    return fail(Errc::conflict, "no loop device is free");
}

// /proc/self/mountinfo writes a blank as \040.
std::string decode_octal(std::string_view text) {
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 3 < text.size()) {
            result += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                        (text[i + 3] - '0'));
            i += 3;
        } else {
            result += text[i];
        }
    }
    return result;
}

std::vector<std::string> mount_points() {
    std::vector<std::string> result;
    const auto text = read_file("/proc/self/mountinfo", kMaxMountInfo).value_or("");
    std::string_view rest = text;
    while (!rest.empty()) {
        auto line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        for (int field = 0; field < 4; ++field)
            line.remove_prefix(std::min(line.size(), line.find(' ') + 1));
        result.push_back(decode_octal(line.substr(0, line.find(' '))));
    }
    return result;
}

bool is_at_or_below(const std::string& point, const fs::path& folder) {
    return point == folder.string() || point.starts_with(folder.string() + "/");
}

}  // namespace

Result<std::string> file_system_of(const fs::path& image) {
    const auto fd = TRY(open_file(image, O_RDONLY));
    std::array<std::byte, kSuperblockBytes> head{};
    (void)TRY(read_up_to(fd.get(), head, image.string()));
    if (const auto found = find_superblock(head)) return std::string(found->file_system);
    return fail(errors::slot_bad_image, "{} is neither squashfs nor ext4 nor erofs",
                image.string());
}

Result<> enter_mount_namespace() {
    if (::unshare(CLONE_NEWNS) != 0)
        return std::unexpected(errno_error(errno, "make a mount namespace"));
    // Ours stay here; what others mount later still reaches us.
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0)
        return std::unexpected(errno_error(errno, "make mounts private"));
    return {};
}

Result<std::unique_ptr<ImageMount>> ImageMount::mount(const fs::path& image, const fs::path& at) {
    (void)TRY(file_system_of(image));
    if (::geteuid() != 0)
        return fail(errors::slot_no_root, "only root can mount {}", image.string());
    TRY(enter_mount_namespace());
    return mount_here(image, at);
}

Result<std::unique_ptr<ImageMount>> ImageMount::mount_here(const fs::path& image,
                                                           const fs::path& at) {
    const auto type = TRY(file_system_of(image));
    TRY(make_folders(at));
    const auto [loop, device] = TRY(attach_loop(image));
    // A journal cannot be replayed on a read-only device, and need not be: the slot's image is as
    // it was built.
    const char* const options = type == "ext4" ? "noload" : nullptr;
    if (::mount(device.c_str(), at.c_str(), type.c_str(), MS_RDONLY | MS_NODEV | MS_NOSUID,
                options) != 0)
        return fail(errors::slot_bad_image, "{}",
                    errno_error(errno, fmt::format("mount {} ({})", image.string(), type)).message);
    return std::unique_ptr<ImageMount>(new ImageMount(at));
}

Result<> ImageMount::bind(const fs::path& from, const fs::path& over) {
    if (::mount(from.c_str(), over.c_str(), nullptr, MS_BIND, nullptr) != 0)
        return std::unexpected(
            errno_error(errno, fmt::format("show {} at {}", from.string(), over.string())));
    bound_.push_back(over);
    return {};
}

ImageMount::~ImageMount() {
    for (auto path = bound_.rbegin(); path != bound_.rend(); ++path)
        ::umount2(path->c_str(), MNT_DETACH);
    ::umount2(at_.c_str(), MNT_DETACH);
}

void unmount_below(const fs::path& folder) {
    auto points = mount_points();
    std::ranges::reverse(points);  // the last mounted first
    for (const auto& point : points)
        if (is_at_or_below(point, folder)) ::umount2(point.c_str(), MNT_DETACH);
}

bool is_mounted_below(const fs::path& folder) {
    return std::ranges::any_of(mount_points(),
                               [&](const auto& point) { return is_at_or_below(point, folder); });
}

}  // namespace cutover
