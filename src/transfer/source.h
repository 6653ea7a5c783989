#pragma once

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>

#include "base/byte_source.h"
#include "base/error.h"

namespace cutover {

struct TransferOptions {
    std::chrono::milliseconds connect_timeout{std::chrono::seconds(10)};
    std::chrono::milliseconds stall_timeout{std::chrono::seconds(30)};  // without a byte
    int max_resumes = 5;  // of a transfer that broke; a byte that arrives begins the count anew
    std::chrono::milliseconds resume_backoff{200};  // doubles with each try
    std::stop_token stop;
};

// The bytes of an absolute file path, file:// URL or http(s):// URL. It is opened, or asked for and
// found, when this returns. A broken HTTP transfer is resumed where it stopped, if the server can
// and the file is still the same one (transfer.changed).
Result<std::unique_ptr<ByteSource>> open_source(const std::string& file_or_url,
                                                const TransferOptions& options);

// How messages name it: without user, password, query and fragment.
std::string source_name(const std::string& file_or_url);

}  // namespace cutover
