#include "access/refusal_limit.h"

#include <chrono>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>

#include "access/audit_line.h"
#include "base/clock.h"

namespace cutover {

RefusalLimit::Verdict RefusalLimit::ask(std::string_view who, std::string_view result,
                                        WallTime now) {
    const std::scoped_lock lock(mutex_);
    Verdict verdict;
    const auto second =
        std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
    if (second != second_) verdict.counted = take_counts();
    second_ = second;
    const bool room = callers_.size() < kMaxCallers || callers_.contains(who);
    auto& count = callers_[room ? std::string(who) : std::string()];
    verdict.written = count.written < kMost;
    if (verdict.written) {
        ++count.written;
    } else {
        ++count.more;
        count.last = to_iso8601(now);
        count.result = result;
    }
    return verdict;
}

std::vector<AuditEntry> RefusalLimit::close() {
    const std::scoped_lock lock(mutex_);
    return take_counts();
}

std::vector<AuditEntry> RefusalLimit::take_counts() {
    std::vector<AuditEntry> counted;
    for (const auto& [who, count] : callers_)
        if (count.more > 0)
            counted.push_back(
                {.time = count.last,
                 .who = who,
                 .proof = "none",
                 .method = std::string(kAuditSelf),
                 .result = count.result,
                 .detail = fmt::format("{} more were refused in this second", count.more)});
    callers_.clear();
    return counted;
}

}  // namespace cutover
