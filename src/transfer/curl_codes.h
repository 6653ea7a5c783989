#pragma once

#include <curl/curl.h>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"

// What libcurl's ways to say no mean to us. For this folder's own files only.
namespace cutover {

inline constexpr auto kCurlProtocols = "http,https,sftp,scp";

bool is_http(std::string_view url);
bool uses_ssh(std::string_view url);  // sftp and scp

// Any code that no row is about is a broken transfer.
const ErrorInfo& curl_error(CURLcode code, bool ssh);
bool may_pass(CURLcode code);  // another try may end better

// Of an answer that is an error.
Error http_error(long status, std::string_view name);

// Only servers whose key is in that file are talked to: what we say to them may be a password.
Result<> know_hosts(CURL* easy, const std::filesystem::path& known_hosts);

}  // namespace cutover
