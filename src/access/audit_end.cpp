#include "access/audit_end.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <expected>
#include <fcntl.h>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <fmt/core.h>

#include "access/audit_files.h"
#include "access/audit_line.h"
#include "access/audit_log.h"
#include "base/error.h"
#include "base/files.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxHead = 1024;

struct FileEnd {
    std::string line;    // the last that is finished; empty: there is none
    std::string before;  // and the one before it
    std::uint64_t torn = 0;
};

Result<FileEnd> end_of(const fs::path& path) {
    const auto fd = TRY(open_file(path, O_RDONLY));
    const auto size = ::lseek(fd.get(), 0, SEEK_END);
    std::string text(static_cast<std::size_t>(std::min<off_t>(size, 2 * kMaxAuditLine)), '\0');
    ::lseek(fd.get(), -static_cast<off_t>(text.size()), SEEK_END);
    text.resize(TRY(read_up_to(fd.get(), std::as_writable_bytes(std::span(text)), path.string())));
    FileEnd end;
    const auto last = text.rfind('\n');
    if (last == std::string::npos) {
        end.torn = static_cast<std::uint64_t>(size);
        return end;
    }
    end.torn = text.size() - last - 1;
    text.resize(last);
    const auto cut_last = [&] {
        const auto at = text.rfind('\n');
        auto line = at == std::string::npos ? text : text.substr(at + 1);
        text.resize(at == std::string::npos ? 0 : at);
        return line;
    };
    end.line = cut_last();
    end.before = cut_last();
    return end;
}

// The newest file but audit.log itself.
fs::path newest_full(const fs::path& device) {
    std::error_code error;
    for (int number = 1; number <= AuditLog::kKept; ++number)
        if (const auto path = audit_file(device, number); fs::exists(path, error)) return path;
    return {};
}

}  // namespace

Result<AuditEnd> AuditEnd::find(const fs::path& device) {
    AuditEnd found;
    const auto head = read_file(device / "access" / "audit.head", kMaxHead);
    if (!head && head.error().kind != Errc::not_found && head.error().kind != Errc::invalid)
        return std::unexpected(head.error());
    found.head_there = head || head.error().kind == Errc::invalid;
    if (head)
        if (const auto parsed = parse_audit_head(*head)) found.head = *parsed;
    auto end = TRY(end_of(audit_file(device, 0)));
    found.torn = end.torn;
    if (end.line.empty())
        if (const auto full = newest_full(device); !full.empty()) end.line = TRY(end_of(full)).line;
    found.lines_there = !end.line.empty();
    if (auto parsed = parse_audit_line(end.line)) found.last = *std::move(parsed);
    // A line that nobody was told of: power went while it was being written.
    const auto before = parse_audit_line(end.before);
    if (!found.last && found.torn == 0 && found.head && before && before->seq >= found.head->seq) {
        found.last = *before;
        found.torn = end.line.size() + 1;
    }
    return found;
}

std::string AuditEnd::damage() const {
    if (torn > kMaxAuditLine) return "the last line is longer than a line can be";
    if (!head_there && !lines_there) return {};  // a new one
    if (!head_there) return "audit.head is missing";
    if (!head) return "audit.head was changed";
    if (lines_there && !last) return "the last line was changed";
    const auto newest = last ? last->seq : 0;
    if (newest < head->seq)
        return fmt::format("the lines {} to {} are missing", newest + 1, head->seq);
    if (last && newest == head->seq && last->hash != head->hash)
        return fmt::format("line {} is another one", newest);
    return {};
}

AuditHead AuditEnd::goes_on_from() const {
    AuditHead from = head.value_or(AuditHead{});
    if (last && last->seq >= from.seq) {
        from.seq = last->seq;
        from.hash = last->hash;
    }
    return from;
}

Result<AuditLine> first_audit_line(const fs::path& file) {
    const auto fd = TRY(open_file(file, O_RDONLY));
    std::string text(kMaxAuditLine, '\0');
    text.resize(TRY(read_up_to(fd.get(), std::as_writable_bytes(std::span(text)), file.string())));
    return TRY(parse_audit_line(std::string_view(text).substr(0, text.find('\n'))), "{}",
               file.string());
}

}  // namespace cutover
