#include "transfer/http_source.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <curl/curl.h>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/byte_source.h"
#include "base/clock.h"
#include "base/error.h"
#include "transfer/curl_codes.h"
#include "transfer/errors.h"
#include "transfer/source.h"

namespace cutover {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kBufferBytes = std::size_t{1024} * 1024;
constexpr long kReceiveBytes = 256L * 1024;
constexpr long kMaxRedirects = 5;
constexpr milliseconds kLookUp{100};  // how often a wait looks at the stop token

struct EasyFree {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct MultiFree {
    void operator()(CURLM* handle) const { curl_multi_cleanup(handle); }
};
struct ListFree {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

// What the server said about the file, from the headers of its last answer.
struct Answer {
    std::string entity_tag;
    std::string last_modified;
    std::optional<std::uint64_t> range_begin;  // of Content-Range

    bool same_file(const Answer& other) const {
        if (!entity_tag.empty() || !other.entity_tag.empty()) return entity_tag == other.entity_tag;
        return !last_modified.empty() && last_modified == other.last_modified;
    }
    // For If-Range; a weak tag is not good enough for bytes (RFC 9110, 13.1.5).
    std::string validator() const {
        return entity_tag.empty() || entity_tag.starts_with("W/") ? last_modified : entity_tag;
    }
};

void read_header(std::string_view line, Answer& answer) {
    while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
    if (line.starts_with("HTTP/")) answer = {};  // a redirect's headers tell nothing of the file
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return;
    std::string name(line.substr(0, colon));
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    auto value = line.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    if (name == "etag") answer.entity_tag = value;
    if (name == "last-modified") answer.last_modified = value;
    constexpr std::string_view kBytes = "bytes ";
    if (name == "content-range" && value.starts_with(kBytes)) {
        std::uint64_t begin = 0;
        const auto* const end = value.data() + value.size();
        const auto [stop, error] = std::from_chars(value.data() + kBytes.size(), end, begin);
        if (error == std::errc{} && stop != end && *stop == '-') answer.range_begin = begin;
    }
}

bool worth_another_try(CURLcode code, long status) {
    return code == CURLE_HTTP_RETURNED_ERROR ? status >= 500 : may_pass(code);
}

// Pulls: libcurl is driven inside read(), and what it brings waits in a bounded buffer. When that
// is full the transfer is paused, and the server's TCP window does the rest.
class HttpSource final : public ByteSource {
public:
    HttpSource(const std::string& url, const TransferOptions& options)
        : url_(url),
          name_(source_name(url)),
          ssh_(uses_ssh(url)),
          options_(options),
          multi_(curl_multi_init()) {}
    ~HttpSource() override { end_request(); }
    HttpSource(const HttpSource&) = delete;
    HttpSource& operator=(const HttpSource&) = delete;

    Result<> open() {
        if (!multi_) return fail(Errc::io, "libcurl does not start");
        TRY(begin_request());
        last_byte_ = clock_.steady();
        while (!begun_ && !finished_) TRY(step());
        return {};
    }

    Result<std::size_t> read(std::span<std::byte> buffer) override {
        std::size_t filled = 0;
        last_byte_ = clock_.steady();  // the time until we were asked is not the server's
        while (filled < buffer.size()) {
            filled += take(buffer.subspan(filled));
            if (filled == buffer.size() || (finished_ && at_hand() == 0)) break;
            TRY(step());
        }
        return filled;
    }

    std::optional<std::uint64_t> total_bytes() const override { return total_bytes_; }

private:
    std::size_t at_hand() const { return buffer_.size() - taken_; }

    std::size_t take(std::span<std::byte> into) {
        const auto count = std::min(into.size(), at_hand());
        if (count == 0) return 0;
        std::memcpy(into.data(), buffer_.data() + taken_, count);
        taken_ += count;
        if (taken_ == buffer_.size()) {
            buffer_.clear();
            taken_ = 0;
        }
        return count;
    }

    // One round of the transfer: some bytes, its end, a new beginning after a break, or an error.
    Result<> step() {
        if (options_.stop.stop_requested())
            return fail(Errc::cancelled, "reading {} was stopped", name_);
        if (paused_ && at_hand() == 0) {
            paused_ = false;
            curl_easy_pause(easy_.get(), CURLPAUSE_CONT);
        }
        const auto before = received_;
        int running = 0;
        if (const auto code = curl_multi_perform(multi_.get(), &running); code != CURLM_OK)
            return fail(errors::transfer_broken, "{}: {}", name_, curl_multi_strerror(code));
        if (running == 0) return end_of_request();
        const auto now = clock_.steady();
        if (received_ != before) {
            last_byte_ = now;
            return {};
        }
        if (begun_ && now - last_byte_ >= options_.stall_timeout)
            return fail(errors::transfer_timeout, "{} sent no byte for {}", name_,
                        human_duration(options_.stall_timeout));
        if (!begun_ && now - last_byte_ >= options_.stall_timeout + options_.connect_timeout)
            return fail(errors::transfer_timeout, "{} gave no answer", name_);
        if (at_hand() == 0) {
            const auto wait = std::min(kLookUp, options_.stall_timeout);
            curl_multi_poll(multi_.get(), nullptr, 0, static_cast<int>(wait.count()), nullptr);
        }
        return {};
    }

    Result<> end_of_request() {
        CURLcode code = CURLE_OK;
        int left = 0;
        while (const auto* const message = curl_multi_info_read(multi_.get(), &left))
            if (message->msg == CURLMSG_DONE) code = message->data.result;
        long status = 0;
        curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
        if (refusal_) return std::unexpected(*refusal_);
        if (code == CURLE_OK) {
            finished_ = true;
            return {};
        }
        auto error = error_of(code, status);
        end_request();
        // SCP has no way to begin in the middle.
        const bool resumable =
            offset_ > 0 && worth_another_try(code, status) && !url_.starts_with("scp:");
        if (!resumable || tries_ >= options_.max_resumes) return std::unexpected(std::move(error));
        auto backoff = options_.resume_backoff;
        for (int i = 0; i < tries_; ++i) backoff *= 2;
        ++tries_;
        if (!clock_.sleep(backoff, options_.stop))
            return fail(Errc::cancelled, "reading {} was stopped", name_);
        last_byte_ = clock_.steady();
        return begin_request();
    }

    Result<> begin_request() {
        easy_.reset(curl_easy_init());
        if (!easy_) return fail(Errc::io, "libcurl does not start");
        begun_ = false;
        to_skip_ = 0;
        problem_.fill('\0');
        auto* const easy = easy_.get();
        curl_easy_setopt(easy, CURLOPT_URL, url_.c_str());
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, kCurlProtocols);
        curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
        curl_easy_setopt(easy, CURLOPT_MAXREDIRS, kMaxRedirects);
        curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, kReceiveBytes);
        curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                         static_cast<long>(options_.connect_timeout.count()));
        curl_easy_setopt(easy, CURLOPT_USERAGENT, "cutover/" CUTOVER_VERSION);
        curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, problem_.data());
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &HttpSource::on_body);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
        curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &HttpSource::on_header);
        curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
        headers_.reset();
        if (ssh_) {
            TRY(know_hosts(easy, options_.known_hosts));
            curl_easy_setopt(easy, CURLOPT_RESUME_FROM_LARGE, static_cast<curl_off_t>(offset_));
        } else if (offset_ > 0) {
            curl_easy_setopt(easy, CURLOPT_RANGE, fmt::format("{}-", offset_).c_str());
            if (const auto validator = first_.validator(); !validator.empty())
                headers_.reset(
                    curl_slist_append(nullptr, fmt::format("If-Range: {}", validator).c_str()));
            curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_.get());
        }
        if (const auto code = curl_multi_add_handle(multi_.get(), easy); code != CURLM_OK)
            return fail(Errc::io, "libcurl: {}", curl_multi_strerror(code));
        return {};
    }

    void end_request() {
        if (easy_) curl_multi_remove_handle(multi_.get(), easy_.get());
        easy_.reset();
        paused_ = false;
    }

    static std::size_t on_header(const char* data, std::size_t size, std::size_t count,
                                 void* context) {
        read_header({data, size * count}, static_cast<HttpSource*>(context)->answer_);
        return size * count;
    }

    static std::size_t on_body(const char* data, std::size_t size, std::size_t count,
                               void* context) {
        return static_cast<HttpSource*>(context)->take_body({data, size * count});
    }

    std::size_t take_body(std::string_view data) {
        if (!begun_ && !begin_body()) return CURL_WRITEFUNC_ERROR;
        if (at_hand() > 0 && at_hand() + data.size() > kBufferBytes) {
            paused_ = true;
            return CURL_WRITEFUNC_PAUSE;
        }
        received_ += data.size();
        const auto skipped = std::min<std::uint64_t>(to_skip_, data.size());
        to_skip_ -= skipped;
        const auto fresh = data.substr(static_cast<std::size_t>(skipped));
        if (!fresh.empty()) tries_ = 0;
        const auto bytes = std::as_bytes(std::span(fresh));
        buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
        offset_ += fresh.size();
        return data.size();
    }

    // With the first byte of an answer's body: is it where we want to go on?
    bool begin_body() {
        begun_ = true;
        if (offset_ == 0) {
            first_ = answer_;
            curl_off_t length = -1;
            curl_easy_getinfo(easy_.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
            if (length >= 0) total_bytes_ = static_cast<std::uint64_t>(length);
            return true;
        }
        // Over SSH nothing tells whether it is the same file; a package's own digests will.
        if (ssh_ || answer_.range_begin == offset_) return true;
        // A server without ranges sends the whole file again.
        if (!answer_.range_begin && first_.same_file(answer_)) {
            to_skip_ = offset_;
            return true;
        }
        refusal_ = make_error(errors::transfer_changed,
                              fmt::format("{} is not the same file any more", name_));
        return false;
    }

    Error error_of(CURLcode code, long status) const {
        if (code == CURLE_HTTP_RETURNED_ERROR) return http_error(status, name_);
        const std::string_view text =
            problem_.front() != '\0' ? problem_.data() : curl_easy_strerror(code);
        return make_error(curl_error(code, ssh_), fmt::format("{}: {}", name_, text));
    }

    std::string url_;
    std::string name_;  // for messages: without credentials
    bool ssh_;
    TransferOptions options_;
    SystemClock clock_;
    std::unique_ptr<CURLM, MultiFree> multi_;
    std::unique_ptr<curl_slist, ListFree> headers_;
    std::unique_ptr<CURL, EasyFree> easy_;
    std::array<char, CURL_ERROR_SIZE> problem_{};

    std::vector<std::byte> buffer_;
    std::size_t taken_ = 0;       // of the buffer's front
    std::uint64_t offset_ = 0;    // of the file, received in order
    std::uint64_t received_ = 0;  // bytes of bodies, in all
    std::uint64_t to_skip_ = 0;
    std::optional<std::uint64_t> total_bytes_;  // as the first answer says
    Answer answer_;                             // of the request at work
    Answer first_;
    std::optional<Error> refusal_;
    SteadyTime last_byte_{};
    int tries_ = 0;
    bool begun_ = false;  // a body's first byte is there
    bool paused_ = false;
    bool finished_ = false;
};

}  // namespace

Result<std::unique_ptr<ByteSource>> open_http_source(const std::string& url,
                                                     const TransferOptions& options) {
    auto source = std::make_unique<HttpSource>(url, options);
    TRY(source->open());
    return std::unique_ptr<ByteSource>(std::move(source));
}

}  // namespace cutover
