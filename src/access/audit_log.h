#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>
#include <sys/types.h>

#include "access/audit_line.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/unique_fd.h"

namespace cutover {

// The folder access/ below a device's: audit.log, of JSON lines that each hold the hash of the one
// before, and audit.head, which tells how far they go. A full file becomes audit.log.1; the oldest
// of kKept goes. Several threads and processes may append.
class AuditLog {
public:
    static constexpr std::size_t kMaxFile = std::size_t{8} * 1024 * 1024;
    static constexpr int kKept = 8;

    AuditLog(std::filesystem::path device, Log& log, const Clock& clock,
             std::size_t max_file = kMaxFile);

    // Mends what a power cut left: a line that was not finished goes, and a new line says so. Where
    // the end is not what audit.head says, a new line says that, nothing goes, and it stays broken
    // for verify_audit_log().
    void open();

    // The line is durable when this returns, or it is lost: that is logged, and told by a line of
    // its own as soon as one can be written again. It is never the caller's failure. The line's
    // number; 0: it is lost.
    std::uint64_t append(const AuditEntry& entry);

private:
    bool guarded(const AuditEntry* entry);
    Result<> work(const AuditEntry* entry);
    Result<UniqueFd> hold() const;  // of all processes that append
    Result<> catch_up();
    Result<> find_end(std::uint64_t size);
    Result<> write(const AuditEntry& entry);
    Result<> write_bytes(std::string_view text);
    Result<> rotate();
    Result<> write_own(std::string_view result, const std::string& detail);
    void write_head();

    std::filesystem::path device_;
    Log& log_;
    const Clock& clock_;
    std::size_t max_file_;
    std::mutex mutex_;
    UniqueFd file_;
    ino_t inode_ = 0;
    std::uint64_t size_ = 0;  // of the file, when this process last wrote
    AuditHead head_;          // what is written, whether audit.head says so or not
    bool head_noted_ = true;  // the last time; what fails is logged once
    std::uint64_t lost_ = 0;
    std::string lost_since_;
};

}  // namespace cutover
