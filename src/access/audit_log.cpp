#include "access/audit_log.h"

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <expected>
#include <fcntl.h>
#include <filesystem>
#include <mutex>
#include <poll.h>
#include <span>
#include <string>
#include <string_view>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <fmt/core.h>

#include "access/audit_end.h"
#include "access/audit_files.h"
#include "access/audit_line.h"
#include "access/users.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/log.h"
#include "base/unique_fd.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kPatience{2};  // with another process
constexpr std::chrono::milliseconds kPoll{5};

Result<struct stat> look_at(int fd, const fs::path& path) {
    struct stat status{};
    if (::fstat(fd, &status) != 0)
        return std::unexpected(errno_error(errno, fmt::format("look at {}", path.string())));
    return status;
}

}  // namespace

AuditLog::AuditLog(fs::path device, Log& log, const Clock& clock, std::size_t max_file)
    : device_(std::move(device)), log_(log), clock_(clock), max_file_(max_file) {}

void AuditLog::open() {
    const std::scoped_lock lock(mutex_);
    static_cast<void>(guarded(nullptr));
}

std::uint64_t AuditLog::append(const AuditEntry& entry) {
    const std::scoped_lock lock(mutex_);
    return guarded(&entry) ? head_.seq : 0;
}

bool AuditLog::guarded(const AuditEntry* entry) {
    const auto worked = work(entry);
    if (worked) return true;
    if (lost_ == 0)
        log_.error("the audit log cannot be written: calls are done without an account",
                   {{"error", worked.error().text()}});
    if (entry == nullptr) return false;
    if (lost_ == 0) lost_since_ = entry->time;
    ++lost_;
    return false;
}

Result<> AuditLog::work(const AuditEntry* entry) {
    const auto held = TRY(hold());
    TRY(catch_up());
    if (lost_ > 0) {
        TRY(write_own(kAuditLost,
                      fmt::format("{} lines could not be written since {}", lost_, lost_since_)));
        log_.warning("the audit log is written again", {{"lost", std::to_string(lost_)}});
        lost_ = 0;
    }
    return entry == nullptr ? Result<>() : write(*entry);
}

Result<UniqueFd> AuditLog::hold() const {
    const auto home = TRY(access_folder(device_));
    auto lock = TRY(open_file(home / "audit.lock", O_RDWR | O_CREAT));
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return std::unexpected(errno_error(errno, "lock the audit log"));
        if (std::chrono::steady_clock::now() >= deadline)
            return fail(Errc::timeout, "another process holds the audit log");
        ::poll(nullptr, 0, static_cast<int>(kPoll.count()));
    }
    return lock;
}

// Whoever wrote meanwhile: the file is then another, or longer.
Result<> AuditLog::catch_up() {
    const auto path = audit_file(device_, 0);
    struct stat there{};
    if (file_ && ::stat(path.c_str(), &there) == 0 && there.st_ino == inode_ &&
        std::cmp_equal(there.st_size, size_))
        return {};
    file_.reset();
    auto file = TRY(open_file(path, O_RDWR | O_APPEND | O_CREAT));
    TRY(sync_folder(path.parent_path()));
    const auto status = TRY(look_at(file.get(), path));
    file_ = std::move(file);
    inode_ = status.st_ino;
    auto found = find_end(static_cast<std::uint64_t>(status.st_size));
    if (!found) file_.reset();  // to be looked at again
    return found;
}

Result<> AuditLog::find_end(std::uint64_t size) {
    const auto end = TRY(AuditEnd::find(device_));
    head_ = end.goes_on_from();
    size_ = size;
    if (const auto damage = end.damage(); !damage.empty()) {
        log_.error("the audit log is not as it was written", {{"found", damage}});
        if (end.torn > 0) TRY(write_bytes("\n"));  // what is there stays
        return write_own(kAuditBroken, damage);
    }
    if (end.torn == 0) return {};
    fault_point("access.audit_mend");
    if (::ftruncate(file_.get(), static_cast<off_t>(size - end.torn)) != 0)
        return std::unexpected(errno_error(errno, "cut an unfinished line off the audit log"));
    fault_point("access.audit_mended");
    size_ -= end.torn;
    log_.warning("an unfinished line was cut off the audit log",
                 {{"bytes", std::to_string(end.torn)}});
    return write_own(kAuditTorn,
                     fmt::format("an unfinished line of {} bytes was cut off", end.torn));
}

Result<> AuditLog::write_own(std::string_view result, const std::string& detail) {
    return write({.time = to_iso8601(clock_.wall()),
                  .who = "cutover",
                  .proof = "local",
                  .from = "unix",
                  .method = std::string(kAuditSelf),
                  .result = std::string(result),
                  .detail = detail});
}

Result<> AuditLog::write(const AuditEntry& entry) {
    const auto line = audit_line(entry, head_.seq + 1, head_.hash);
    if (size_ > 0 && size_ + line.size() + 1 > max_file_) TRY(rotate());
    TRY(write_bytes(line + "\n"));
    head_.hash = TRY(parse_audit_line(line)).hash;
    ++head_.seq;
    write_head();
    return {};
}

// All or nothing: what did not fit is taken away again.
Result<> AuditLog::write_bytes(std::string_view text) {
    const auto path = audit_file(device_, 0).string();
    fault_point("access.audit_append");
    auto written = write_all(file_.get(), std::as_bytes(std::span(text)), path);
    if (written && ::fdatasync(file_.get()) != 0)
        written = std::unexpected(errno_error(errno, fmt::format("fdatasync {}", path)));
    if (!written) {
        if (::ftruncate(file_.get(), static_cast<off_t>(size_)) != 0) file_.reset();
        return written;
    }
    fault_point("access.audit_appended");
    size_ += text.size();
    return {};
}

// The line is there, and a log that goes on after its head is whole: this can wait for the next.
void AuditLog::write_head() {
    const auto path = device_ / "access" / "audit.head";
    const auto written = write_file_durably(path, audit_head_text(head_));
    if (!written && head_noted_)
        log_.error("the end of the audit log is not noted", {{"error", written.error().text()}});
    head_noted_ = written.has_value();
}

Result<> AuditLog::rotate() {
    int free = 1;
    std::error_code error;
    while (free <= kKept && fs::exists(audit_file(device_, free), error)) ++free;
    if (free > kKept) {  // the head first: what is there and need not be, is no damage
        if (const auto next = first_audit_line(audit_file(device_, kKept - 1)))
            head_.first = next->seq;
        TRY(write_file_durably(device_ / "access" / "audit.head", audit_head_text(head_)));
        fault_point("access.audit_remove");
        TRY(remove_tree(audit_file(device_, kKept)));
        free = kKept;
    }
    file_.reset();
    for (int number = free; number > 0; --number) {
        fault_point("access.audit_rotate");
        TRY(rename_durably(audit_file(device_, number - 1), audit_file(device_, number)));
    }
    fault_point("access.audit_rotated");
    const auto path = audit_file(device_, 0);
    auto file = TRY(open_file(path, O_RDWR | O_APPEND | O_CREAT));
    TRY(sync_folder(path.parent_path()));
    inode_ = TRY(look_at(file.get(), path)).st_ino;
    file_ = std::move(file);
    size_ = 0;
    return {};
}

}  // namespace cutover
