#include "transfer/upload.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <curl/curl.h>
#include <expected>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/core.h>

#include "base/error.h"
#include "transfer/curl_codes.h"
#include "transfer/errors.h"
#include "transfer/source.h"

namespace cutover {
namespace {

struct EasyFree {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct FileClose {
    void operator()(std::FILE* file) const { std::fclose(file); }
};

struct Watch {
    const UploadOptions& options;
    std::uint64_t total = 0;
};

int on_transfer(void* context, curl_off_t /*down_total*/, curl_off_t /*down*/,
                curl_off_t /*up_total*/, curl_off_t sent) {
    const auto& watch = *static_cast<const Watch*>(context);
    if (watch.options.stop.stop_requested()) return 1;
    if (watch.options.on_progress)
        watch.options.on_progress(static_cast<std::uint64_t>(sent), watch.total);
    return 0;
}

std::size_t ignore_answer(const char* /*data*/, std::size_t size, std::size_t count,
                          void* /*context*/) {
    return size * count;
}

Error error_of(CURL* easy, CURLcode code, const std::string& name, std::string_view problem) {
    if (code == CURLE_ABORTED_BY_CALLBACK)
        return make_error(Errc::cancelled, fmt::format("the upload to {} was stopped", name));
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_HTTP_RETURNED_ERROR) return http_error(status, name);
    const std::string_view text = problem.empty() ? curl_easy_strerror(code) : problem;
    return make_error(curl_error(code, uses_ssh(name)), fmt::format("{}: {}", name, text));
}

}  // namespace

Result<> upload(const std::filesystem::path& file, const std::string& url,
                const UploadOptions& options) {
    if (!is_http(url) && !uses_ssh(url))
        return fail(errors::transfer_bad_source,
                    "what is uploaded goes to an http, https, sftp or scp URL");
    std::error_code problem;
    Watch watch{.options = options, .total = std::filesystem::file_size(file, problem)};
    const std::unique_ptr<std::FILE, FileClose> content(std::fopen(file.c_str(), "rbe"));
    if (problem || !content) return fail(Errc::io, "{} cannot be read", file.string());
    const std::unique_ptr<CURL, EasyFree> handle(curl_easy_init());
    if (!handle) return fail(Errc::io, "libcurl does not start");
    auto* const easy = handle.get();
    std::array<char, CURL_ERROR_SIZE> text{};
    curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, kCurlProtocols);
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_READDATA, content.get());
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(watch.total));
    curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &ignore_answer);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, &on_transfer);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, &watch);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, text.data());
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "cutover/" CUTOVER_VERSION);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     static_cast<long>(options.connect_timeout.count()));
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(
        easy, CURLOPT_LOW_SPEED_TIME,
        static_cast<long>(std::chrono::ceil<std::chrono::seconds>(options.stall_timeout).count()));
    if (uses_ssh(url)) TRY(know_hosts(easy, options.known_hosts));
    const auto code = curl_easy_perform(easy);
    if (code == CURLE_OK) return {};
    return std::unexpected(error_of(easy, code, source_name(url), text.data()));
}

}  // namespace cutover
