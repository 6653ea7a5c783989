#include "access/audit_files.h"

#include <cerrno>
#include <cstddef>
#include <deque>
#include <expected>
#include <fcntl.h>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "access/audit_line.h"
#include "access/audit_log.h"
#include "base/error.h"
#include "base/files.h"
#include "base/unique_fd.h"
#include "crypto/digest.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxHead = 1024;
constexpr off_t kMaxRead = off_t{4} * AuditLog::kMaxFile;

// The files as they were at one instant, however they are renamed meanwhile.
struct Snapshot {
    struct File {
        std::string name;
        UniqueFd fd;
        off_t size = 0;
    };
    std::vector<File> files;  // oldest first
    bool head_there = false;
    std::optional<AuditHead> head;  // where it is whole
};

Result<Snapshot> take_snapshot(const fs::path& device) {
    Snapshot snapshot;
    // Only a reader of a device that cannot be written does without.
    const auto lock = open_file(device / "access" / "audit.lock", O_RDWR | O_CREAT);
    while (lock && ::flock(lock->get(), LOCK_SH) != 0 && errno == EINTR) {
    }
    for (int number = AuditLog::kKept; number >= 0; --number) {
        const auto path = audit_file(device, number);
        auto fd = open_file(path, O_RDONLY);
        if (!fd && fd.error().kind == Errc::not_found) continue;
        if (!fd) return std::unexpected(fd.error());
        struct stat status{};
        if (::fstat(fd->get(), &status) != 0)
            return std::unexpected(errno_error(errno, fmt::format("look at {}", path.string())));
        snapshot.files.push_back(
            {.name = path.filename().string(), .fd = *std::move(fd), .size = status.st_size});
    }
    const auto head = read_file(device / "access" / "audit.head", kMaxHead);
    if (!head && head.error().kind != Errc::not_found && head.error().kind != Errc::invalid)
        return std::unexpected(head.error());
    snapshot.head_there = head || head.error().kind == Errc::invalid;
    if (head)
        if (const auto parsed = parse_audit_head(*head)) snapshot.head = *parsed;
    return snapshot;
}

Result<std::string> content_of(const Snapshot::File& file) {
    if (file.size > kMaxRead) return fail(Errc::invalid, "{} is too long to be one", file.name);
    std::string text(static_cast<std::size_t>(file.size), '\0');
    text.resize(TRY(read_up_to(file.fd.get(), std::as_writable_bytes(std::span(text)), file.name)));
    return text;
}

// Goes through the lines in their order; what it says is what is wrong with this one.
class Chain {
public:
    explicit Chain(const std::optional<AuditHead>& head) : head_(head) {}

    std::optional<std::string> next(std::string_view text) {
        auto line = parse_audit_line(text);
        if (!line) return line.error().message;
        if (auto wrong = last_ ? follows(*last_, *line) : begins(*line)) return wrong;
        if (line->entry.method == kAuditSelf && line->entry.result == kAuditBroken)
            return fmt::format("here the agent found at {} that {}", line->entry.time,
                               line->entry.detail);
        if (head_ && line->seq == head_->seq) {
            if (line->hash != head_->hash)
                return fmt::format("line {} is not the one that audit.head names", line->seq);
            met_head_ = true;
        }
        last_ = *std::move(line);
        if (!first_) first_ = last_;
        return std::nullopt;
    }

    std::optional<std::string> end(bool head_there) const {
        if (!head_there) return last_ ? std::optional<std::string>("it is missing") : std::nullopt;
        if (!head_) return "it was changed";
        const auto newest = last_ ? last_->seq : 0;
        if (newest < head_->seq)
            return fmt::format("the log went to line {}, and ends with line {}", head_->seq,
                               newest);
        if (!met_head_) return fmt::format("it names line {}, which is not there", head_->seq);
        return std::nullopt;
    }

    const std::optional<AuditLine>& first() const { return first_; }
    const std::optional<AuditLine>& last() const { return last_; }

private:
    std::optional<std::string> begins(const AuditLine& line) const {
        const auto oldest = head_ ? head_->first : line.seq;
        if (line.seq > oldest)
            return fmt::format("the lines {} to {} before it are missing", oldest, line.seq - 1);
        if (line.seq == 1 && line.previous != Digest{}) return "it is not the first one";
        return std::nullopt;
    }
    static std::optional<std::string> follows(const AuditLine& before, const AuditLine& line) {
        if (line.seq != before.seq + 1)
            return fmt::format("line {} comes after line {}", line.seq, before.seq);
        if (line.previous != before.hash)
            return fmt::format("line {} before it was another one", before.seq);
        return std::nullopt;
    }

    std::optional<AuditHead> head_;
    std::optional<AuditLine> first_;
    std::optional<AuditLine> last_;
    bool met_head_ = false;
};

// Notes the first problem, and says whether there is none.
bool check_file(const std::string& name, std::string_view text, Chain& chain, AuditReport& report) {
    for (std::size_t number = 1; !text.empty(); ++number) {
        const auto length = text.find('\n');
        if (length == std::string_view::npos) {
            report.problem = {.file = name,
                              .line = number,
                              .what =
                                  "it is not finished: a power cut does that, and the agent "
                                  "cuts it off when it starts"};
            return false;
        }
        if (auto wrong = chain.next(text.substr(0, length))) {
            report.problem = {.file = name, .line = number, .what = *std::move(wrong)};
            return false;
        }
        ++report.lines;
        text.remove_prefix(length + 1);
    }
    return true;
}

}  // namespace

fs::path audit_file(const fs::path& device, int number) {
    const auto path = device / "access" / "audit.log";
    return number == 0 ? path : fs::path(fmt::format("{}.{}", path.string(), number));
}

Result<AuditReport> verify_audit_log(const fs::path& device) {
    const auto snapshot = TRY(take_snapshot(device));
    AuditReport report{.files = snapshot.files.size()};
    Chain chain(snapshot.head);
    for (const auto& file : snapshot.files) {
        const auto text = TRY(content_of(file));
        if (!check_file(file.name, text, chain, report)) return report;
    }
    if (const auto& first = chain.first()) {
        report.first = first->seq;
        report.since = first->entry.time;
    }
    if (const auto& last = chain.last()) report.last = last->seq;
    if (auto wrong = chain.end(snapshot.head_there))
        report.problem = {.file = "audit.head", .what = *std::move(wrong)};
    return report;
}

Result<std::vector<ShownAuditLine>> last_audit_lines(const fs::path& device, std::size_t count) {
    const auto snapshot = TRY(take_snapshot(device));
    std::deque<ShownAuditLine> shown;
    for (auto file = snapshot.files.rbegin(); file != snapshot.files.rend() && shown.size() < count;
         ++file) {
        const auto content = TRY(content_of(*file));
        std::string_view text = content;
        if (text.ends_with('\n')) text.remove_suffix(1);
        while (!text.empty() && shown.size() < count) {
            const auto before = text.rfind('\n');
            const auto line = before == std::string_view::npos ? text : text.substr(before + 1);
            auto parsed = parse_audit_line(line);
            shown.push_front({.text = std::string(line.substr(0, kMaxAuditLine)),
                              .parsed = parsed ? std::optional(*std::move(parsed)) : std::nullopt});
            text = before == std::string_view::npos ? std::string_view() : text.substr(0, before);
        }
    }
    return std::vector<ShownAuditLine>(shown.begin(), shown.end());
}

}  // namespace cutover
