#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "access/audit_line.h"
#include "base/clock.h"

namespace cutover {

// How many refusals are written down: ten in a second of each caller, and of all who are not known
// together; the rest is counted in one line. So nobody fills the audit log by being refused, nor
// keeps the disk busy.
class RefusalLimit {
public:
    static constexpr int kMost = 10;
    static constexpr std::size_t kMaxCallers = 64;  // in one second; further ones count as unknown

    struct Verdict {
        bool written = true;
        std::vector<AuditEntry> counted;  // to be written first: of the seconds before
    };
    // `who` is empty where nobody is known. `result`: why they were refused.
    Verdict ask(std::string_view who, std::string_view result, WallTime now);
    std::vector<AuditEntry> close();  // what is counted and not written yet

private:
    struct Count {
        int written = 0;
        std::uint64_t more = 0;
        std::string last;  // when the last of those was
        std::string result;
    };
    std::vector<AuditEntry> take_counts();

    std::mutex mutex_;
    std::int64_t second_ = 0;
    std::map<std::string, Count, std::less<>> callers_;  // of this second
};

}  // namespace cutover
