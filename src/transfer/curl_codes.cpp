#include "transfer/curl_codes.h"

#include <algorithm>
#include <array>
#include <curl/curl.h>
#include <filesystem>
#include <string_view>
#include <system_error>

#include <fmt/core.h>

#include "base/error.h"
#include "transfer/errors.h"

namespace cutover {
namespace {

struct CodeRow {
    CURLcode code;
    const ErrorInfo& info;
    bool may_pass;
};
constexpr CodeRow kOtherCodes{CURLE_OK, errors::transfer_broken, false};
constexpr std::array kCodes{
    CodeRow{CURLE_COULDNT_RESOLVE_HOST, errors::transfer_unreachable, true},
    CodeRow{CURLE_COULDNT_RESOLVE_PROXY, errors::transfer_unreachable, true},
    CodeRow{CURLE_COULDNT_CONNECT, errors::transfer_unreachable, true},
    CodeRow{CURLE_OPERATION_TIMEDOUT, errors::transfer_timeout, true},
    CodeRow{CURLE_PARTIAL_FILE, errors::transfer_broken, true},
    CodeRow{CURLE_GOT_NOTHING, errors::transfer_broken, true},
    CodeRow{CURLE_SEND_ERROR, errors::transfer_broken, true},
    CodeRow{CURLE_RECV_ERROR, errors::transfer_broken, true},
    CodeRow{CURLE_HTTP2, errors::transfer_broken, true},
    CodeRow{CURLE_HTTP2_STREAM, errors::transfer_broken, true},
    CodeRow{CURLE_TOO_MANY_REDIRECTS, errors::transfer_redirect, false},
    CodeRow{CURLE_UNSUPPORTED_PROTOCOL, errors::transfer_redirect, false},
    CodeRow{CURLE_URL_MALFORMAT, errors::transfer_bad_source, false},
    CodeRow{CURLE_SSL_CONNECT_ERROR, errors::transfer_tls, false},
    CodeRow{CURLE_SSL_CACERT_BADFILE, errors::transfer_tls, false},
    CodeRow{CURLE_PEER_FAILED_VERIFICATION, errors::transfer_tls, false},
    CodeRow{CURLE_REMOTE_FILE_NOT_FOUND, errors::transfer_not_found, false},
    CodeRow{CURLE_LOGIN_DENIED, errors::transfer_denied, false},
    CodeRow{CURLE_REMOTE_ACCESS_DENIED, errors::transfer_denied, false},
};

const CodeRow& row_of(CURLcode code) {
    const auto* const row = std::ranges::find(kCodes, code, &CodeRow::code);
    return row == kCodes.end() ? kOtherCodes : *row;
}

}  // namespace

bool is_http(std::string_view url) {
    return url.starts_with("http://") || url.starts_with("https://");
}

bool uses_ssh(std::string_view url) {
    return url.starts_with("sftp://") || url.starts_with("scp://");
}

const ErrorInfo& curl_error(CURLcode code, bool ssh) {
    if (ssh && code == CURLE_PEER_FAILED_VERIFICATION) return errors::transfer_host_key;
    return row_of(code).info;
}

bool may_pass(CURLcode code) { return row_of(code).may_pass; }

Error http_error(long status, std::string_view name) {
    const auto text = fmt::format("{} answered {}", name, status);
    if (status == 404 || status == 410) return make_error(errors::transfer_not_found, text);
    if (status == 401 || status == 403 || status == 407)
        return make_error(errors::transfer_denied, text);
    return make_error(errors::transfer_http_status, text);
}

Result<> know_hosts(CURL* easy, const std::filesystem::path& known_hosts) {
    std::error_code problem;
    if (known_hosts.empty() || !std::filesystem::is_regular_file(known_hosts, problem))
        return fail(errors::transfer_host_key, "there is no list of known hosts at {}",
                    known_hosts.string());
    curl_easy_setopt(easy, CURLOPT_SSH_KNOWNHOSTS, known_hosts.c_str());
    curl_easy_setopt(easy, CURLOPT_SSH_AUTH_TYPES,
                     static_cast<long>(CURLSSH_AUTH_PASSWORD | CURLSSH_AUTH_PUBLICKEY));
    return {};
}

}  // namespace cutover
