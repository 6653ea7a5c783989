#include "store/copy.h"

#include <cstdint>
#include <fcntl.h>
#include <filesystem>
#include <system_error>

#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"
#include "store/database.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

std::uint64_t size_of(const fs::path& database) {
    std::uint64_t bytes = 0;
    for (const auto* const suffix : {"", "-wal"}) {
        std::error_code error;
        const auto size = fs::file_size(database.string() + suffix, error);
        if (!error) bytes += size;
    }
    return bytes;
}

}  // namespace

Result<> copy_database(const fs::path& database, const fs::path& to) {
    auto source = TRY(Database::open(database));
    fault_point("store.copy");
    TRY(source.query("VACUUM INTO ?", {to.string()}), "copy the database");
    const auto fd = TRY(open_file(to, O_RDONLY));
    return sync_fd(fd.get(), to.string());
}

Result<DatabaseSizes> compact_database(const fs::path& file) {
    auto database = TRY(Database::open(file));
    TRY(database.query("PRAGMA wal_checkpoint(TRUNCATE)"));
    DatabaseSizes sizes{.before = size_of(file)};
    fault_point("store.compact");
    TRY(database.query("VACUUM"), "compact the database");
    fault_point("store.compacted");
    TRY(database.query("PRAGMA wal_checkpoint(TRUNCATE)"));
    sizes.after = size_of(file);
    return sizes;
}

}  // namespace cutover
