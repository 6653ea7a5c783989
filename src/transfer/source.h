#pragma once

#include <chrono>
#include <filesystem>
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
    std::filesystem::path known_hosts;  // of servers that are asked over SSH; else none is known
    std::stop_token stop;
};

// The bytes of an absolute file path, or of a file, http, https, sftp or scp URL, which may end in
// #sha256=DIGEST: then the end comes only if it is right (transfer.wrong_checksum). It is opened,
// or asked for and found, when this returns. A broken transfer is resumed where it stopped, if the
// server can and the file is still the same one (transfer.changed).
Result<std::unique_ptr<ByteSource>> open_source(const std::string& file_or_url,
                                                const TransferOptions& options);

// How messages name it: without user, password, query and fragment.
std::string source_name(const std::string& file_or_url);

}  // namespace cutover
