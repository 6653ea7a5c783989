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

std::optional<RecordBoot::Newest> RecordBoot::newest(const Copies& copies) const {
    const auto& [first, second] = copies;
    if (second && (!first || format_->newer(second->serial, first->serial)))
        return Newest{.copy = 1, .record = *second};
    if (first) return Newest{.copy = 0, .record = *first};
    return std::nullopt;
}

LoaderRecord RecordBoot::record() const {
    const auto now = newest(read_copies());
    return now ? now->record : guess(booted_);
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
    const auto now = newest(read_copies());
    if (!now || !same_state(now->record, next)) {
        next.serial = format_->after(now ? now->record.serial : 0);
        TRY(write_copy(now ? 1 - now->copy : 0, next));
    }
    heal();
    return {};
}

// Failing here takes nothing back: the newer copy says all, and the next call tries again.
void RecordBoot::heal() {
    const auto copies = read_copies();
    auto now = newest(copies);
    if (!now) {
        now = Newest{.copy = 0, .record = guess(booted_)};
        now->record.serial = format_->after(0);
        if (!write_copy(now->copy, now->record)) return;
    }
    const auto older = 1 - now->copy;
    if (!copies.at(older) && !now->record.trial) {
        // The copy that is left becomes the older one, so that serials never count down.
        auto anew = now->record;
        anew.serial = format_->after(anew.serial);
        (void)write_copy(older, anew);
        return;
    }
    const auto backup = backup_of(now->record);
    if (copies.at(older) != backup) (void)write_copy(older, backup);
}

Result<BootStatus> RecordBoot::status() const {
    const std::scoped_lock lock(mutex_);
    const auto now = record();
    const bool runs = booted_.reason == BootReason::trial && now.trial == booted_.slot;
    const bool at_work = now.trial && (now.tries_left > 0 || runs);
    return BootStatus{.running = booted_.slot,
                      .reason = booted_.reason,
                      .committed = now.committed,
                      .trial = at_work ? now.trial : std::nullopt,
                      .tries_left = at_work ? now.tries_left : 0,
                      .tries = at_work ? now.tries : 0};
}

Result<> RecordBoot::start_trial(Slot slot, int tries) {
    if (tries < 1 || tries > kMaxLoaderTries)
        return fail(errors::boot_bad_tries, "a trial has 1 to {} boots, not {}", kMaxLoaderTries,
                    tries);
    const std::scoped_lock lock(mutex_);
    return change_to(
        {.committed = record().committed, .trial = slot, .tries_left = tries, .tries = tries});
}

Result<> RecordBoot::end_trial() {
    const std::scoped_lock lock(mutex_);
    return change_to({.committed = record().committed});
}

Result<> RecordBoot::confirm(Slot slot) {
    const std::scoped_lock lock(mutex_);
    return change_to({.committed = slot});
}

}  // namespace cutover
