// Servers of packages are others', and so is what is between: whatever they answer, reading ends,
// with what they sent or with an error, and never with more than they sent.
//
// The input is what the server answers, one answer after the other, with a line "==" in between.
// The server then answers with the first again: a transfer that broke is resumed from it.

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/test_http_server.h"
#include "transfer/http_source.h"

namespace {

// One server for all inputs: a port each would use up those that there are.
struct Server {
    cutover::TestReply answer() {
        const std::lock_guard lock(mutex);
        if (answers.empty()) return {};
        return {.bytes = answers.at(next++ % answers.size())};
    }
    void set(std::string_view text) {
        constexpr std::string_view kEnd = "\n==\n";
        const std::lock_guard lock(mutex);
        answers.clear();
        next = 0;
        while (answers.size() < 8) {
            const auto end = text.find(kEnd);
            answers.emplace_back(text.substr(0, end));
            if (end == std::string_view::npos) break;
            text.remove_prefix(end + kEnd.size());
        }
    }

    std::mutex mutex;
    std::vector<std::string> answers;
    std::size_t next = 0;
    cutover::TestHttpServer http{[this](const std::string&) { return answer(); }};
};

// A redirect to another server than ours: nobody else is to be asked.
bool leads_elsewhere(std::string_view text) {
    std::string lower(text);
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
    constexpr std::string_view kHeader = "location:";
    for (auto at = lower.find(kHeader); at != std::string::npos; at = lower.find(kHeader, at + 1)) {
        const auto value = std::string_view(lower).substr(at + kHeader.size(), 4096);
        const auto target = value.substr(0, value.find('\n'));
        if (target.contains(':') || target.contains("//") || target.contains('\\')) return true;
    }
    return false;
}

std::size_t most_bytes(std::string_view text) {
    constexpr std::size_t kAnswers = 64;  // more than are asked for
    return text.size() * kAnswers;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Server server;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (leads_elsewhere(text)) return 0;
    server.set(text);
    const auto source = cutover::open_http_source(
        server.http.url("/nos.cc"), {.connect_timeout = std::chrono::milliseconds(500),
                                     .stall_timeout = std::chrono::milliseconds(500),
                                     .max_resumes = 2,
                                     .resume_backoff = std::chrono::milliseconds(0),
                                     .known_hosts = {},
                                     .stop = {}});
    CUTOVER_CHECK(source || !source.error().message.empty());
    if (!source) return 0;
    std::array<std::byte, 1000> buffer{};
    std::size_t all = 0;
    for (;;) {
        const auto got = (*source)->read(buffer);
        CUTOVER_CHECK(got || !got.error().message.empty());
        if (!got || *got == 0) break;
        all += *got;
        CUTOVER_CHECK(*got <= buffer.size() && all <= most_bytes(text));
    }
    return 0;
}
