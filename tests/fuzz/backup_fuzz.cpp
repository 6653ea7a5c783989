// The file of a backup. The first byte says what the rest is: a file, the tar in it, or its
// manifest, so that the inner parsers are reached without a compressor's help.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <zstd.h>

#include "backup/backup_file.h"
#include "backup/backup_manifest.h"
#include "base/error.h"
#include "model/backups.h"
#include "package/file_source.h"

namespace {

std::string compressed(std::string_view text) {
    const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(),
                                                                       ZSTD_freeCCtx);
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
    std::string out(ZSTD_compressBound(text.size()), '\0');
    out.resize(ZSTD_compress2(context.get(), out.data(), out.size(), text.data(), text.size()));
    return out;
}

void read(std::string_view file) {
    cutover::MemorySource source(file);
    std::uint64_t bytes = 0;
    const auto backup = cutover::read_backup(
        source, [&](const cutover::BackupMember& member, std::span<const std::byte> piece) {
            CUTOVER_CHECK(cutover::most_bytes_of_member(member.name).has_value());
            CUTOVER_CHECK(member.name.find("..") != 0 && member.name.front() != '/');
            bytes += piece.size();
            return cutover::Result<>();
        });
    if (!backup) return;
    std::uint64_t said = 0;
    for (const auto& member : backup->members) said += member.bytes;
    CUTOVER_CHECK(said == bytes);
}

void read_manifest(std::string_view text) {
    const auto backup = cutover::parse_backup_manifest(text);
    if (!backup) return;
    const auto again = cutover::parse_backup_manifest(cutover::to_json(*backup));
    CUTOVER_CHECK(again && *again == *backup);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
    switch (data[0] % 3) {
        case 0: read(rest); break;
        case 1: read(compressed(rest)); break;
        default: read_manifest(rest); break;
    }
    return 0;
}
