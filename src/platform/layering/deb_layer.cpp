#include "platform/layering/deb_layer.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <string_view>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/types.h>
#include <sys/xattr.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "base/files.h"
#include "base/process.h"
#include "base/unique_fd.h"
#include "platform/layering/errors.h"
#include "platform/layering/image_mount.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::minutes kTimeout{10};
constexpr std::size_t kToldBytes = 1500;  // the end of what dpkg says, where the reason is

std::unexpected<Error> failed(std::string_view what, const fs::path& path) {
    return std::unexpected(errno_error(errno, fmt::format("{} {}", what, path.string())));
}

// Mounted until the end of the scope.
class Mounted {
public:
    static Result<Mounted> make(const char* type, const fs::path& at, unsigned long flags,
                                const std::string& options) {
        if (::mount(type, at.c_str(), type, flags, options.c_str()) != 0)
            return failed("mount", at);
        return Mounted(at);
    }
    Mounted(Mounted&& other) noexcept : at_(std::exchange(other.at_, {})) {}
    Mounted& operator=(Mounted&&) = delete;
    Mounted(const Mounted&) = delete;
    Mounted& operator=(const Mounted&) = delete;
    ~Mounted() {
        if (!at_.empty()) ::umount2(at_.c_str(), MNT_DETACH);
    }

private:
    explicit Mounted(fs::path at) : at_(std::move(at)) {}
    fs::path at_;
};

// By number: a path may have what separates options in it.
class Folders {
public:
    Result<std::string> add(const fs::path& folder) {
        held_.push_back(TRY(open_file(folder, O_PATH | O_DIRECTORY)));
        return fmt::format("/proc/self/fd/{}", held_.back().get());
    }

private:
    std::vector<UniqueFd> held_;
};

Result<Mounted> mount_merged(const DebInstall& install, const fs::path& merged) {
    Folders folders;
    std::string lower;
    for (const auto& folder : install.beneath)
        lower += (lower.empty() ? "" : ":") + TRY(folders.add(folder));
    const auto work = install.scratch / "work";
    TRY(make_folders(work));
    TRY(make_folders(merged));
    // Nothing that means something only on top of exactly these folders.
    const auto options =
        fmt::format("lowerdir={},upperdir={},workdir={},redirect_dir=off,metacopy=off,index=off",
                    lower, TRY(folders.add(install.upper)), TRY(folders.add(work)));
    return Mounted::make("overlay", merged, MS_NODEV, options);
}

// The few devices that any script takes for granted, and not the machine's.
Result<Mounted> mount_devices(const fs::path& dev) {
    auto mounted = TRY(Mounted::make("tmpfs", dev, MS_NOSUID | MS_NOEXEC, "size=1m,mode=755"));
    constexpr std::array<std::pair<const char*, unsigned>, 4> kDevices{
        {{"null", 3}, {"zero", 5}, {"random", 8}, {"urandom", 9}}};
    for (const auto& [name, minor_number] : kDevices) {
        if (::mknod((dev / name).c_str(), S_IFCHR | 0666U, makedev(1, minor_number)) != 0)
            return failed("make", dev / name);
        ::chmod((dev / name).c_str(), 0666);
    }
    return mounted;
}

Result<std::vector<std::string>> debs_in(const fs::path& folder) {
    std::vector<std::string> debs;
    std::error_code error;
    for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error))
        if (fs::is_regular_file(entry->symlink_status()) && entry->path().extension() == ".deb")
            debs.push_back(entry->path().string());
    if (debs.empty()) return fail(errors::layer_deb_failed, "there is no .deb in the package");
    std::ranges::sort(debs);
    return debs;
}

// True when the base has no database of Debian packages, and got an empty one.
Result<bool> make_database(const fs::path& merged) {
    const auto database = merged / "var/lib/dpkg";
    std::error_code error;
    if (fs::exists(database / "status", error)) return false;
    for (const auto* const name : {"info", "updates", "triggers"})
        TRY(make_folders(database / name));
    TRY(write_file_durably(database / "status", "", 0644));
    return true;
}

Result<> run_dpkg(const DebInstall& install, const fs::path& merged) {
    const auto debs = TRY(debs_in(install.debs));
    // Processes of their own: what a script leaves behind ends with dpkg.
    std::vector<std::string> command{"unshare",
                                     "--net",
                                     "--pid",
                                     "--fork",
                                     "--kill-child",
                                     "--mount-proc=" + (merged / "proc").string(),
                                     "dpkg",
                                     "--root=" + merged.string(),
                                     "--log=/dev/null",
                                     "--force-not-root",
                                     "--force-unsafe-io",
                                     "--force-confdef",
                                     "--force-confold"};
    // Without the base's own database nothing is known of what it has.
    if (TRY(make_database(merged)))
        command.insert(command.end(), {"--force-depends", "--force-bad-path"});
    command.emplace_back("-i");
    command.insert(command.end(), debs.begin(), debs.end());
    const auto ran = TRY(run_process(
        {.command = command,
         .folder = merged,
         .environment = {{"DEBIAN_FRONTEND", "noninteractive"}, {"LC_ALL", "C"}, {"HOME", "/"}},
         .timeout = kTimeout}));
    if (ran.exit_code == 0) return {};
    const auto told = ran.output.size() > kToldBytes
                          ? ran.output.substr(ran.output.size() - kToldBytes)
                          : ran.output;
    return fail(errors::layer_deb_failed, "dpkg ended with {}: {}", ran.exit_code, told);
}

Result<> install_here(const DebInstall& install) {
    TRY(enter_mount_namespace());
    const auto merged = install.scratch / "merged";
    std::error_code error;
    {
        auto view = mount_merged(install, merged);
        if (!view) return fail(errors::layer_no_overlay, "{}", view.error().text());
        const bool had_dev = fs::exists(merged / "dev", error);
        const bool had_proc = fs::exists(merged / "proc", error);
        TRY(make_folders(merged / "dev"));
        TRY(make_folders(merged / "proc"));
        {
            const auto devices = TRY(mount_devices(merged / "dev"));
            TRY(run_dpkg(install, merged));
        }
        if (!had_dev) fs::remove(merged / "dev", error);
        if (!had_proc) fs::remove(merged / "proc", error);
    }
    return {};
}

}  // namespace

Result<> install_debs(const DebInstall& install) {
    if (::geteuid() != 0)
        return fail(errors::layer_deb_needs_root, "only root can install Debian packages");
    for (const auto* const program : {"dpkg", "dpkg-deb", "unshare"})
        if (!find_program(program))
            return fail(errors::layer_no_debs, "{} is missing on this device", program);
    // In a thread of its own, for a mount namespace belongs to a thread: this one's ends with it.
    Result<> installed;
    std::jthread([&] { installed = install_here(install); }).join();
    TRY(std::move(installed));
    return remove_tree(install.scratch);
}

Result<std::uint64_t> unpacked_bytes(const fs::path& folder) {
    constexpr std::uint64_t kMostKilobytes = std::uint64_t{1} << 40U;  // a petabyte: nobody's
    std::uint64_t total = 0;
    for (const auto& deb : TRY(debs_in(folder))) {
        const auto ran = TRY(run_process(
            {.command = {"dpkg-deb", "--field", deb, "Installed-Size"}, .timeout = kTimeout}));
        std::uint64_t kilobytes = 0;
        const auto& text = ran.output;
        const auto parsed = std::from_chars(text.data(), text.data() + text.size(), kilobytes);
        std::error_code error;
        const bool said = ran.exit_code == 0 && parsed.ec == std::errc() && kilobytes > 0;
        total += said ? std::min(kilobytes, kMostKilobytes) * 1024 : fs::file_size(deb, error);
        if (error) return std::unexpected(errno_error(error.value(), "look at a Debian package"));
    }
    return total;
}

bool is_whiteout(const fs::path& path) {
    struct stat info{};
    return ::lstat(path.c_str(), &info) == 0 && S_ISCHR(info.st_mode) && info.st_rdev == 0;
}

bool is_opaque(const fs::path& folder) {
    char value = 'n';
    return ::lgetxattr(folder.c_str(), "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
}

}  // namespace cutover
