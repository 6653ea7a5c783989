#include "platform/emulated/emulated_device.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/log.h"
#include "model/device_config.h"
#include "model/manifest.h"
#include "model/package_kind.h"
#include "model/service_change.h"
#include "model/slot.h"
#include "platform/boot_control.h"
#include "platform/device_folder.h"
#include "platform/emulated/boot_log.h"
#include "platform/emulated/boot_record.h"
#include "platform/emulated/device_files.h"
#include "platform/emulated/emulated_boot.h"
#include "platform/emulated/emulated_host.h"
#include "platform/emulated/emulated_layers.h"
#include "platform/emulated/emulated_services.h"
#include "platform/emulated/emulated_slots.h"
#include "platform/emulated/errors.h"
#include "platform/emulated/stray_processes.h"
#include "platform/emulated/supervisor.h"
#include "platform/factory_reset.h"
#include "platform/host.h"
#include "platform/layering/image_mount.h"
#include "platform/layers.h"
#include "platform/persistence.h"
#include "platform/services.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxConfigFile = std::size_t{256} * 1024;
constexpr int kCommittedBoots = 2;  // of the committed slot that may fail, before the rescue
constexpr std::chrono::seconds kStartPatience{2};
constexpr std::size_t kMaxFailures = 50;
constexpr std::size_t kMaxFailureText = 2000;
constexpr std::string_view kLayersFailure = "packages on top: ";

std::string new_boot_id() {
    std::random_device random;
    return fmt::format("{:08x}{:08x}", random(), random());
}

std::string detail_of(const BootRecord& record, bool record_lost) {
    switch (record.reason) {
        case BootReason::normal: return "default";
        case BootReason::trial:
            return fmt::format("trial {} of {}", record.tries - record.tries_left, record.tries);
        case BootReason::fallback:
            return fmt::format("fallback: trial of slot {} exhausted",
                               to_string(record.trial.value_or(other(record.committed))));
        case BootReason::rescue:
            return record_lost
                       ? std::string("rescue: the boot record was damaged")
                       : fmt::format("rescue: slot {} does not boot", to_string(record.booted));
    }
    std::unreachable();
}

SlotFolders folders_of(const DeviceConfig& config) {
    return config.slots_backend == "tree" ? SlotFolders::versioned : SlotFolders::lettered;
}

// One application on a host may take long to start, and who waits for it wants to see that: the
// agent comes up meanwhile.
SupervisorOptions supervision(SupervisorOptions options, const DeviceConfig& config) {
    options.least_start_timeout = std::max(options.least_start_timeout, config.start_timeout);
    if (folders_of(config) == SlotFolders::versioned && !options.patience)
        options.patience = kStartPatience;
    return options;
}

Result<> fill_new_device(const fs::path& folder, const EmulatedDevice::CreateOptions& options) {
    for (const auto* const name :
         {"trust", "boot", "slots", "persist", "data", "log", "run", "stages"})
        TRY(make_folders(folder / name));
    if (options.slots == SlotFolders::versioned) TRY(make_folders(folder / "releases"));
    TRY(make_folders(folder / kKeyring));
    std::error_code error;
    fs::permissions(folder / kKeyring, fs::perms::owner_all, error);
    if (error) return std::unexpected(errno_error(error.value(), "keep the keyring private"));
    for (const auto& anchor : options.anchors) {
        const auto text = TRY(read_file(anchor, kMaxConfigFile), "trust {}", anchor.string());
        TRY(write_file_durably(folder / "trust" / anchor.filename(), text, 0644));
    }
    EmulatedBoot boot(folder / "boot");
    TRY(boot.write({}));  // both copies, so that either may be damaged from the first day
    TRY(boot.write({}));
    const auto toml = new_device_toml(options.name, options.slots);
    const auto config = TRY(parse_device_config(toml), "device name '{}'", options.name);
    CUTOVER_CHECK(config.name == options.name);
    // The last, for it is what makes the folder a device.
    return write_file_durably(folder / "device.toml", toml, 0644);
}

}  // namespace

Result<> EmulatedDevice::create(const fs::path& folder, const CreateOptions& options) {
    std::error_code error;
    const bool existed = fs::exists(folder, error);
    if (existed && !(fs::is_directory(folder, error) && fs::is_empty(folder, error)))
        return fail(errors::device_exists, "{} is there already and not empty", folder.string());
    TRY(make_folders(folder));
    auto filled = fill_new_device(folder, options);
    if (filled) return {};
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error))
        (void)remove_tree(entry->path());
    if (!existed) (void)remove_tree(folder);
    return std::unexpected(
        std::move(filled).error().within(fmt::format("create a device in {}", folder.string())));
}

Result<std::unique_ptr<EmulatedDevice>> EmulatedDevice::open(const fs::path& folder, Log& log) {
    return open(folder, log, Options{});
}

Result<std::unique_ptr<EmulatedDevice>> EmulatedDevice::open(const fs::path& folder, Log& log,
                                                             Options options) {
    auto held = TRY(DeviceFolder::open(folder));
    for (const auto* const name : {"boot", "slots", "persist", "data", "log", "run"})
        TRY(make_folders(held.path / name));
    std::unique_ptr<EmulatedDevice> device(
        new EmulatedDevice(std::move(held), log, std::move(options)));
    TRY(device->slots_.check_folders());
    return device;
}

EmulatedDevice::EmulatedDevice(DeviceFolder folder, Log& log, Options options)
    : folder_(std::move(folder.path)),
      config_(std::move(folder.config)),
      lock_(std::move(folder.lock)),
      log_(log),
      boot_(folder_ / "boot"),
      slots_(folder_, folders_of(config_)),
      layers_(std::make_unique<EmulatedLayers>(folder_, config_.layers_backend)),
      services_(std::make_unique<EmulatedServices>(supervision(options.services, config_), log)),
      host_(std::make_unique<EmulatedHost>(folder_, config_, std::move(options.on_reboot))) {}

EmulatedDevice::~EmulatedDevice() { power_off(); }

LayerStore& EmulatedDevice::layers() { return *layers_; }
Services& EmulatedDevice::services() { return *services_; }
Host& EmulatedDevice::host() { return *host_; }
bool EmulatedDevice::reboot_requested() const { return host_->reboot_requested(); }

Result<BootReport> EmulatedDevice::power_on(const std::stop_token& stop) {
    CUTOVER_CHECK(!powered_);
    powered_ = true;
    if (const auto strays = kill_stray_processes(folder_); strays > 0)
        log_.info("ended what an earlier life left", {{"processes", std::to_string(strays)}});
    if (const auto reset = carry_out_reset(folder_); !reset)
        log_.error("the factory reset was not carried out", {{"reason", reset.error().text()}});
    unmount_below(folder_ / "views");
    unmount_below(folder_ / "run" / "mnt");
    TRY(layers_->reset());
    if (auto last = read_boot_report(report_file())) last_report_ = *std::move(last);

    auto stored = boot_.read();
    const bool record_lost = !stored;
    auto record = record_lost ? TRY(first_record()) : *stored;
    report_.boot_id = new_boot_id();
    report_.failures = earlier_failures(record);
    for (int committed_failures = 0;;) {
        record = next_boot(record);
        TRY(choose(record, record_lost));
        auto booted = try_slot(record.booted, stop);
        if (booted) {
            report_.up = true;
            break;
        }
        if (booted.error().kind == Errc::cancelled) return std::unexpected(booted.error());
        report_.failures.push_back({.slot = record.booted,
                                    .reason = record.reason,
                                    .text = booted.error().text().substr(0, kMaxFailureText)});
        log_.error("boot failed", {{"slot", std::string(to_string(record.booted))},
                                   {"reason", booted.error().text()}});
        note_report();
        if (record.reason != BootReason::trial && ++committed_failures == kCommittedBoots) {
            record.reason = BootReason::rescue;
            TRY(choose(record, false));
            enter_rescue();
            break;
        }
        shut_down();
    }
    note_report();
    log_.info("booted",
              {{"slot", std::string(to_string(report_.booted))}, {"reason", report_.detail}});
    return report_;
}

// Both copies of the record are damaged: the slot that ran last, if it still holds something, else
// any that does.
Result<BootRecord> EmulatedDevice::first_record() {
    const auto last = read_boot_report(report_file());
    const auto first = last ? last->booted : Slot::a;
    log_.error("both copies of the boot record are damaged", {});
    BootRecord record;
    for (const auto slot : {other(first), first})
        if (slots_.manifest(slot)) record.committed = slot;
    return record;
}

// What is known about the trial's boots before this one. The record is written before the report,
// so a report may be missing or be that of a boot before the trial.
std::vector<BootFailure> EmulatedDevice::earlier_failures(const BootRecord& record) const {
    if (!record.trial || record.tries_left == record.tries) return {};
    const bool last_was_trial =
        record.reason == BootReason::trial && record.booted == *record.trial;
    const auto last = read_boot_report(report_file());
    const bool same = last && last->booted == record.booted && last->reason == record.reason;
    auto failures = same ? last->failures : std::vector<BootFailure>();
    if (failures.size() > kMaxFailures) failures.resize(kMaxFailures);
    const auto boots = static_cast<std::size_t>(record.tries - record.tries_left);
    if (last_was_trial && failures.size() < boots)
        failures.push_back({.slot = record.booted,
                            .reason = BootReason::trial,
                            .text = same && last->up
                                        ? "the device was restarted before the trial was over"
                                        : "the device lost power while the slot started"});
    return failures;
}

// Makes the choice durable, a trial's count with it, before anything of the slot is started.
Result<> EmulatedDevice::choose(const BootRecord& record, bool record_lost) {
    auto written = record;
    if (record_lost && record.reason == BootReason::normal) written.reason = BootReason::rescue;
    fault_point("boot.choose");
    TRY(boot_.write(written));
    fault_point("boot.chosen");
    // Nobody runs by this link: where it cannot be moved, the device boots all the same.
    if (auto moved = slots_.show_current(written.booted); !moved)
        log_.error("the link `current` was not moved", {{"reason", moved.error().text()}});
    report_.booted = written.booted;
    report_.reason = written.reason;
    report_.detail = detail_of(written, record_lost);
    report_.up = false;
    note_report();
    return {};
}

// A report that cannot be kept is no reason not to boot.
void EmulatedDevice::note_report() {
    if (auto kept = write_boot_report(report_file(), report_); !kept)
        log_.warning("the boot report was not kept", {{"reason", kept.error().text()}});
    host_->set_booted(report_, slots_.persist(report_.booted));
}

Result<> EmulatedDevice::try_slot(Slot slot, const std::stop_token& stop) {
    host_->set_booted(report_, slots_.persist(slot));
    slots_.set_running(slot, slots_.root(slot));
    const auto manifest = TRY(slots_.manifest(slot));
    const auto root = TRY(open_content(slot, manifest));
    slots_.set_running(slot, root);
    TRY(layers_->set_base(
        {.slot = slot, .manifest = manifest, .root = root, .persist = slots_.persist(slot)}));
    fault_point("boot.start");
    TRY(start_stack(slot, manifest, stop));
    fault_point("boot.up");
    return {};
}

// The trial stack while it has tries left, then the committed one, then the base alone.
Result<> EmulatedDevice::start_stack(Slot slot, const Manifest& base, const std::stop_token& stop) {
    report_.layers_trial = report_.layers_fell_back = false;
    const auto record = layers_->record().read(slot);
    if (!record) {
        log_.error("the packages on top are not known", {{"reason", record.error().text()}});
        report_.layers_fell_back = true;
        add_detail("fallback: the record of packages is damaged");
        return start_services(slot, base, {}, stop);
    }
    if (const auto& trial = record->trial) {
        if (TRY(try_layers(slot, base, *trial, stop))) return {};
        report_.layers_fell_back = true;
        add_detail(fmt::format("fallback: trial of {} packages exhausted", trial->size()));
    }
    if (auto shown = layers_->show(record->committed); !shown) {
        log_.error("the packages on top cannot be shown", {{"reason", shown.error().text()}});
        note_layers_failure(slot, shown.error().text());
        report_.layers_fell_back = true;
        add_detail("fallback: the base without its packages");
        return start_services(slot, base, {}, stop);
    }
    return start_services(slot, base, record->committed, stop);
}

// True when a trial stack is up. Each try is counted before anything of the stack is shown.
Result<bool> EmulatedDevice::try_layers(Slot slot, const Manifest& base, const LayerStack& trial,
                                        const std::stop_token& stop) {
    auto record = TRY(layers_->record().read(slot));
    note_earlier_layers_failures(slot, record);
    while (record.tries_left > 0) {
        fault_point("boot.layers_choose");
        auto counted = layers_->record().count_try(slot);
        if (!counted) {  // what is not counted might be tried for ever
            note_layers_failure(slot, counted.error().text());
            return false;
        }
        record = *std::move(counted);
        report_.layers_trial = true;
        note_report();
        fault_point("boot.layers_chosen");
        const auto detail = report_.detail;
        add_detail(fmt::format("packages: trial {} of {}", record.tries - record.tries_left,
                               record.tries));
        const auto started = start_services(slot, base, trial, stop);
        if (started) return true;
        if (started.error().kind == Errc::cancelled) return std::unexpected(started.error());
        log_.error("packages on trial failed", {{"reason", started.error().text()}});
        note_layers_failure(slot, started.error().text());
        end_services();
        report_.detail = detail;
        report_.layers_trial = false;
    }
    return false;
}

Result<> EmulatedDevice::start_services(Slot slot, const Manifest& base, const LayerStack& stack,
                                        const std::stop_token& stop) {
    TRY(layers_->show(stack));
    PackageStack packages{{.digest = {}, .manifest = base}};
    for (const auto& digest : stack)
        packages.push_back({.digest = digest, .manifest = TRY(layers_->manifest(digest))});
    return services_->start(services_of(awake(packages, present_hardware())),
                            {.root = layers_->working_root(),
                             .view = layers_->current(),
                             .data = folder_ / "data",
                             .persist = slots_.persist(slot),
                             .log = folder_ / "log",
                             .device = folder_},
                            stop);
}

// What cannot be told is not there: the device boots without it.
std::vector<std::string> EmulatedDevice::present_hardware() const {
    auto present = hardware_present(*host_);
    if (present) return *std::move(present);
    log_.error("present hardware is not known", {{"reason", present.error().text()}});
    return host_->hardware();
}

// What is known about the trial's boots before this one, told until somebody ends the trial. The
// try is counted before the report is written, so a boot may be missing in the last report.
void EmulatedDevice::note_earlier_layers_failures(Slot slot, const LayerStartup& record) {
    if (record.tries_left == record.tries) return;
    auto unknown = record.tries - record.tries_left;
    const bool same = last_report_ && last_report_->booted == slot;
    if (same)
        for (const auto& failure : last_report_->failures)
            if (failure.text.starts_with(kLayersFailure) && unknown > 0) {
                report_.failures.push_back(failure);
                --unknown;
            }
    const bool was_up = same && last_report_->layers_trial && last_report_->up;
    for (; unknown > 0; --unknown)
        note_layers_failure(slot, was_up ? "the device was restarted before the trial was over"
                                         : "the device lost power while the packages started");
}

void EmulatedDevice::note_layers_failure(Slot slot, const std::string& why) {
    if (report_.failures.size() >= kMaxFailures) return;
    report_.failures.push_back(
        {.slot = slot,
         .reason = BootReason::trial,
         .text = fmt::format("{}{}", kLayersFailure, why).substr(0, kMaxFailureText)});
}

void EmulatedDevice::add_detail(const std::string& text) {
    const bool plain = report_.detail.empty() || report_.detail == "default";
    report_.detail = plain ? text : fmt::format("{}; {}", report_.detail, text);
}

Result<fs::path> EmulatedDevice::open_content(Slot slot, const Manifest& manifest) {
    std::error_code error;
    TRY(make_folders(slots_.persist(slot)));
    if (manifest.payload.type == PayloadType::tree) {
        if (fs::is_directory(slots_.root(slot), error)) return slots_.root(slot);
        return fail(errors::boot_failed, "the content of slot {} is missing", to_string(slot));
    }
    const auto image = slots_.image(slot);
    const auto size = fs::file_size(image, error);
    if (error || size != manifest.payload.content_bytes)
        return fail(errors::boot_failed, "the image of slot {} is missing or cut short",
                    to_string(slot));
    // Without root an image can at least be looked at; it boots when there is nothing to start.
    if (::geteuid() != 0 && manifest.services.empty()) {
        TRY(file_system_of(image));
        return slots_.folder(slot);
    }
    mount_ = TRY(ImageMount::mount(image, folder_ / "run" / "mnt" / to_string(slot)));
    TRY(prepare_image_persistence(slot, manifest));
    return mount_->root();
}

// An image cannot be changed, so its persistent paths are copied out at its first boot, and shown
// over it at every one.
Result<> EmulatedDevice::prepare_image_persistence(Slot slot, const Manifest& manifest) {
    const auto persist = slots_.persist(slot);
    TRY(seed_persistent(mount_->root(), persist, manifest.persist));
    for (const auto& cover : TRY(persistent_covers(mount_->root(), persist, manifest.persist)))
        TRY(mount_->bind(cover.from, cover.over));
    return {};
}

// The agent runs all the same, and with it whatever services did come up.
void EmulatedDevice::enter_rescue() {
    const auto manifest = slots_.manifest(report_.booted);
    const auto why = report_.failures.empty() ? std::string() : report_.failures.back().text;
    if (manifest && services_->status().empty())
        services_->show_failed(services_of({{.digest = {}, .manifest = *manifest}}), why);
}

void EmulatedDevice::end_services() {
    services_->stop();
    kill_stray_processes(folder_);  // what has left its service's process group
}

void EmulatedDevice::shut_down() {
    end_services();
    // Views lie on the mount.
    if (auto removed = layers_->reset(); !removed)
        log_.warning("views were not removed", {{"reason", removed.error().text()}});
    mount_.reset();
    slots_.set_running(std::nullopt, {});
}

void EmulatedDevice::power_off() {
    if (!powered_) return;
    shut_down();
}

}  // namespace cutover
