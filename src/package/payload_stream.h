#pragma once

#include <memory>
#include <string>

#include "base/byte_source.h"
#include "base/error.h"
#include "package/chunk_index.h"
#include "package/package_reader.h"
#include "package/tar.h"

namespace cutover {

// The bytes of the member `payload`, whose header `tar` has just read, decompressed. All three
// references must outlive the stream.
std::unique_ptr<ByteSource> stream_payload(tar::Reader& tar, const ChunkIndex& index,
                                           const MemberSpec& member, PayloadCheck check);

// What follows the last member: the end mark, then nothing.
Result<> check_package_end(tar::Reader& tar, const std::string& last_member);

}  // namespace cutover
