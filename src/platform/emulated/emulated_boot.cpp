#include "platform/emulated/emulated_boot.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <fcntl.h>
#include <filesystem>
#include <mutex>
#include <optional>
#include <span>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <fmt/core.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"
#include "model/slot.h"
#include "platform/boot_control.h"
#include "platform/emulated/boot_record.h"
#include "platform/emulated/errors.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

fs::path copy_path(const fs::path& folder, std::size_t number) {
    return folder / fmt::format("record.{}", number);
}

std::uint64_t sequence_of(const std::optional<BootRecord>& record) {
    return record ? record->sequence : 0;
}

std::optional<BootRecord> read_copy(const fs::path& file) {
    const auto text = read_file(file, kBootRecordBytes);
    if (!text) return std::nullopt;
    auto record = parse_boot_record(*text);
    if (!record) return std::nullopt;
    return *record;
}

}  // namespace

struct EmulatedBoot::Copies {
    std::array<std::optional<BootRecord>, 2> records;

    // Which copy the next write replaces: a damaged one, else the older.
    std::size_t older() const {
        if (!records[0]) return 0;
        if (!records[1]) return 1;
        return sequence_of(records[0]) <= sequence_of(records[1]) ? 0 : 1;
    }
    const std::optional<BootRecord>& newest() const { return records.at(1 - older()); }
};

EmulatedBoot::Copies EmulatedBoot::read_copies() const {
    return {{read_copy(copy_path(folder_, 0)), read_copy(copy_path(folder_, 1))}};
}

Result<BootRecord> EmulatedBoot::newest() const {
    const auto copies = read_copies();
    if (const auto& record = copies.newest()) return *record;
    return fail(errors::boot_record_damaged, "no readable boot record in {}", folder_.string());
}

Result<> EmulatedBoot::write_next(BootRecord record) {
    const auto copies = read_copies();
    const auto& newest = copies.newest();
    record.sequence = newest ? newest->sequence + 1 : 1;
    const auto path = copy_path(folder_, copies.older());
    const auto text = format_boot_record(record);

    std::error_code ignored;
    const bool is_new = !fs::exists(path, ignored);
    const auto fd = TRY(open_file(path, O_WRONLY | O_CREAT, 0644));
    fault_point("boot.record_write");
    const auto bytes = std::as_bytes(std::span(text));
    TRY(write_all(fd.get(), bytes.first(bytes.size() / 2), path.string()));
    fault_point("boot.record_torn");
    TRY(write_all(fd.get(), bytes.subspan(bytes.size() / 2), path.string()));
    if (::ftruncate(fd.get(), kBootRecordBytes) != 0)
        return std::unexpected(errno_error(errno, fmt::format("truncate {}", path.string())));
    fault_point("boot.record_fsync");
    TRY(sync_fd(fd.get(), path.string()));
    if (is_new) TRY(sync_folder(folder_));
    fault_point("boot.record_written");
    return {};
}

Result<BootStatus> EmulatedBoot::status() const {
    const std::scoped_lock lock(mutex_);
    return status_of(TRY(newest()));
}

Result<> EmulatedBoot::start_trial(Slot slot, int tries) {
    if (tries < 1 || tries > kMaxTries)
        return fail(Errc::invalid, "a trial has 1 to {} boots, not {}", kMaxTries, tries);
    const std::scoped_lock lock(mutex_);
    auto record = TRY(newest());
    record.trial = slot;
    record.tries = tries;
    record.tries_left = tries;
    return write_next(record);
}

Result<> EmulatedBoot::end_trial() {
    const std::scoped_lock lock(mutex_);
    auto record = TRY(newest());
    if (!record.trial) return {};
    record.trial.reset();
    record.tries = 0;
    record.tries_left = 0;
    return write_next(record);
}

Result<> EmulatedBoot::confirm(Slot slot) {
    const std::scoped_lock lock(mutex_);
    auto record = TRY(newest());
    if (record.committed == slot && !record.trial) return {};
    record.committed = slot;
    record.trial.reset();
    record.tries = 0;
    record.tries_left = 0;
    return write_next(record);
}

Result<BootRecord> EmulatedBoot::read() const {
    const std::scoped_lock lock(mutex_);
    return newest();
}

Result<> EmulatedBoot::write(BootRecord record) {
    const std::scoped_lock lock(mutex_);
    return write_next(record);
}

}  // namespace cutover
