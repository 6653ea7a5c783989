#include "backends/boot_record/record_boot.h"

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "backends/boot_record/errors.h"
#include "backends/boot_record/loader_record.h"
#include "base/error.h"
#include "base/fault.h"
#include "model/slot.h"
#include "platform/boot_control.h"
#include "platform/kernel_command_line.h"

namespace cutover {
namespace {

// What must have been so, when no copy can be read any more: a slot on trial was not the committed
// one, and any other that runs is the one that boots.
LoaderRecord guess(const BootedAs& booted) {
    if (booted.reason != BootReason::trial) return {.committed = booted.slot};
    return {.committed = other(booted.slot), .trial = booted.slot, .tries_left = 0, .tries = 1};
}

bool same_state(const LoaderRecord& a, LoaderRecord b) {
    b.serial = a.serial;
    return a == b;
}

}  // namespace

RecordBoot::RecordBoot(Place place, std::unique_ptr<RecordFormat> format, BootedAs booted)
    : place_(std::move(place)), format_(std::move(format)), booted_(booted) {}

std::unique_ptr<RecordBoot> RecordBoot::open(Place place, std::unique_ptr<RecordFormat> format,
                                             BootedAs booted) {
    std::unique_ptr<RecordBoot> boot(new RecordBoot(std::move(place), std::move(format), booted));
    boot->heal();
    return boot;
}

RecordBoot::Copies RecordBoot::read_copies() const {
    const auto read = [&](std::size_t copy) -> std::optional<LoaderRecord> {
        // A sector that cannot be read is damage like any other: writing it may bring it back.
        const auto bytes = place_.file->read(place_.offsets.at(copy), format_->size());
        return bytes ? format_->decode(*bytes) : std::nullopt;
    };
    return {read(0), read(1)};
}

std::optional<std::size_t> RecordBoot::newest(const Copies& copies) const {
    if (copies[0] && copies[1]) return format_->newer(copies[1]->serial, copies[0]->serial) ? 1 : 0;
    if (copies[0]) return 0;
    return copies[1] ? std::optional<std::size_t>(1) : std::nullopt;
}

LoaderRecord RecordBoot::record_in(const Copies& copies) const {
    const auto at = newest(copies);
    return at ? *copies.at(*at) : guess(booted_);
}

LoaderRecord RecordBoot::backup_of(const LoaderRecord& record) const {
    return {.serial = format_->before(record.serial), .committed = record.committed};
}

Result<> RecordBoot::write_copy(std::size_t copy, const LoaderRecord& record) {
    fault_point("boot.copy_write");
    TRY(place_.file->write(place_.offsets.at(copy), format_->encode(record)));
    TRY(place_.file->sync());
    fault_point("boot.copy_written");
    return {};
}

Result<> RecordBoot::change_to(LoaderRecord next) {
    const auto copies = read_copies();
    const auto at = newest(copies);
    if (!at || !same_state(*copies.at(*at), next)) {
        next.serial = format_->after(at ? copies.at(*at)->serial : 0);
        TRY(write_copy(at ? 1 - *at : 0, next));
    }
    heal();
    return {};
}

// Failing here takes nothing back: the newer copy says all, and the next call tries again.
void RecordBoot::heal() {
    auto copies = read_copies();
    if (!newest(copies)) {
        auto anew = guess(booted_);
        anew.serial = format_->after(0);
        if (!write_copy(0, anew)) return;
        copies[0] = anew;
    }
    const auto at = *newest(copies);
    const auto& record = *copies.at(at);
    if (!copies.at(1 - at) && !record.trial) {
        // The copy that is left becomes the older one, so that serials never count down.
        auto anew = record;
        anew.serial = format_->after(record.serial);
        (void)write_copy(1 - at, anew);
        return;
    }
    const auto backup = backup_of(record);
    if (copies.at(1 - at) != backup) (void)write_copy(1 - at, backup);
}

Result<BootStatus> RecordBoot::status() const {
    const std::scoped_lock lock(mutex_);
    const auto record = record_in(read_copies());
    const bool runs = booted_.reason == BootReason::trial && record.trial == booted_.slot;
    const bool at_work = record.trial && (record.tries_left > 0 || runs);
    return BootStatus{.running = booted_.slot,
                      .reason = booted_.reason,
                      .committed = record.committed,
                      .trial = at_work ? record.trial : std::nullopt,
                      .tries_left = at_work ? record.tries_left : 0,
                      .tries = at_work ? record.tries : 0};
}

Result<> RecordBoot::start_trial(Slot slot, int tries) {
    if (tries < 1 || tries > kMaxLoaderTries)
        return fail(errors::boot_bad_tries, "a trial has 1 to {} boots, not {}", kMaxLoaderTries,
                    tries);
    const std::scoped_lock lock(mutex_);
    return change_to({.committed = record_in(read_copies()).committed,
                      .trial = slot,
                      .tries_left = tries,
                      .tries = tries});
}

Result<> RecordBoot::end_trial() {
    const std::scoped_lock lock(mutex_);
    return change_to({.committed = record_in(read_copies()).committed});
}

Result<> RecordBoot::confirm(Slot slot) {
    const std::scoped_lock lock(mutex_);
    return change_to({.committed = slot});
}

}  // namespace cutover
