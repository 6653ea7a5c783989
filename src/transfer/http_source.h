#pragma once

#include <memory>
#include <string>

#include "base/byte_source.h"
#include "base/error.h"
#include "transfer/source.h"

namespace cutover {

// Asks for an http(s), sftp or scp URL and returns when the server has begun to answer with the
// file.
Result<std::unique_ptr<ByteSource>> open_http_source(const std::string& url,
                                                     const TransferOptions& options);

}  // namespace cutover
