#pragma once

// What a device is made of, in memory, for tests of engine and agent: stateful, without time, and
// breakable. Slots and boot record outlive a power cycle, as on a real device.

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/byte_source.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "crypto/digest.h"
#include "engine/package_source.h"
#include "model/device.h"
#include "model/manifest.h"
#include "model/service_change.h"
#include "model/slot.h"
#include "platform/boot_control.h"
#include "platform/errors.h"
#include "platform/host.h"
#include "platform/layers.h"
#include "platform/services.h"
#include "platform/slot_package.h"
#include "platform/slot_store.h"

namespace cutover {

// Moves only when somebody sleeps, and then at once.
class SimulatedClock final : public Clock {
public:
    WallTime wall() const override { return WallTime(std::chrono::milliseconds(now_.load())); }
    SteadyTime steady() const override {
        return SteadyTime(std::chrono::milliseconds(now_.load()));
    }
    bool sleep(std::chrono::milliseconds duration, std::stop_token stop) override {
        if (stop.stop_requested()) return false;
        pass(duration);
        if (on_sleep) on_sleep();
        return !stop.stop_requested();
    }
    void pass(std::chrono::milliseconds duration) { now_ += duration.count(); }

    std::function<void()> on_sleep;  // after time has passed, on the sleeper's thread

private:
    std::atomic<std::int64_t> now_ = 1'402'665'146'000;  // 2014-06-13 13:12:26
};

// A boot loader with counted trials.
class SimulatedBoot final : public BootControl {
public:
    Result<BootStatus> status() const override { return status_; }
    Result<> start_trial(Slot slot, int tries) override {
        if (tries < 1) return fail(Errc::invalid, "a trial needs a boot");
        if (broken) return fail(Errc::io, "the boot record cannot be written");
        status_.trial = slot;
        status_.tries = status_.tries_left = tries;
        failures_.clear();
        return {};
    }
    Result<> end_trial() override {
        if (broken) return fail(Errc::io, "the boot record cannot be written");
        status_.trial.reset();
        status_.tries = status_.tries_left = 0;
        if (status_.reason == BootReason::fallback) status_.reason = BootReason::normal;
        return {};
    }
    Result<> confirm(Slot slot) override {
        TRY(end_trial());
        status_.committed = slot;
        failures_.clear();
        return {};
    }

    // Power comes back: one boot, and as many more as die before the agent of their slot is up.
    void power_cycle(const std::function<bool(Slot)>& comes_up) {
        ++boots_;
        if (stuck) {
            status_.running = *stuck;
            return;
        }
        while (status_.trial && status_.tries_left > 0) {
            --status_.tries_left;
            if (comes_up(*status_.trial)) {
                status_.running = *status_.trial;
                status_.reason = BootReason::trial;
                return;
            }
            failures_.push_back(fmt::format("slot {} died in boot {}", to_string(*status_.trial),
                                            status_.tries - status_.tries_left));
        }
        if (status_.trial) {
            (void)end_trial();
            status_.reason = BootReason::fallback;
        } else if (status_.reason != BootReason::fallback) {
            status_.reason = BootReason::normal;
        }
        status_.running = status_.committed;
    }
    int boots() const { return boots_; }
    const std::vector<std::string>& failures() const { return failures_; }

    bool broken = false;        // nothing can be written
    std::optional<Slot> stuck;  // is booted, whatever the record says

private:
    BootStatus status_;
    std::vector<std::string> failures_;
    int boots_ = 1;
};

class SimulatedSlots final : public SlotStore {
public:
    explicit SimulatedSlots(std::function<std::optional<Slot>()> running)
        : running_(std::move(running)) {}

    Result<SlotSpace> space(Slot /*slot*/) const override {
        return SlotSpace{
            .file_system = "/slots", .available_bytes = available_bytes, .shared = shared};
    }
    Result<> write(Slot slot, const Manifest& manifest, ByteSource& content) override {
        TRY(erase(slot));
        if (manifest.payload.installed_bytes > available_bytes)
            return fail(errors::slot_no_space, "slot {} is too small", to_string(slot));
        std::array<std::byte, 512> buffer{};
        std::uint64_t written = 0;
        for (;;) {
            const auto got = TRY(content.read(buffer));
            written += got;
            if (got < buffer.size()) break;
        }
        if (written != manifest.payload.content_bytes)
            return fail(Errc::corrupt, "{} bytes instead of {}", written,
                        manifest.payload.content_bytes);
        held.insert_or_assign(slot, manifest);
        return {};
    }
    Result<> erase(Slot slot) override {
        TRY(refuse_running(slot));
        held.erase(slot);
        carried.clear();
        ++erased;
        return {};
    }
    Result<Manifest> manifest(Slot slot) const override {
        if (unreadable == slot) return fail(Errc::io, "slot {} cannot be read", to_string(slot));
        const auto found = held.find(slot);
        if (found == held.end()) return fail(Errc::not_found, "slot {} is empty", to_string(slot));
        return found->second;
    }
    Result<> carry_persistent(Slot /*from*/, Slot to,
                              const std::vector<std::string>& paths) override {
        TRY(refuse_running(to));
        for (const auto& path : paths)
            if (!is_relative_path(path)) return fail(Errc::invalid, "{} leaves the slot", path);
        carried = paths;
        return {};
    }

    std::map<Slot, Manifest> held;
    std::vector<std::string> carried;
    bool shared = true;
    std::uint64_t available_bytes = std::uint64_t{1} << 30U;
    std::optional<Slot> unreadable;
    int erased = 0;

private:
    Result<> refuse_running(Slot slot) const {
        if (running_() == slot) return fail(errors::slot_active, "slot {} runs", to_string(slot));
        return {};
    }
    std::function<std::optional<Slot>()> running_;
};

// Layers, startup stacks and the view that is shown. Like slots, they outlive a power cycle.
class SimulatedLayers final : public LayerStore {
public:
    Result<SlotSpace> space() const override {
        return SlotSpace{.file_system = "/layers", .available_bytes = available_bytes};
    }
    Result<> write(const std::string& digest, const Manifest& manifest, ByteSource& content,
                   const LayerStack& beneath) override {
        TRY(refuse_missing(beneath));
        if (verify(digest)) return {};
        if (manifest.payload.installed_bytes > available_bytes)
            return fail(errors::slot_no_space, "layer {} does not fit", digest);
        std::array<std::byte, 512> buffer{};
        std::uint64_t written = 0;
        for (;;) {
            const auto got = TRY(content.read(buffer));
            written += got;
            if (got < buffer.size()) break;
        }
        if (written != manifest.payload.content_bytes)
            return fail(Errc::corrupt, "{} bytes instead of {}", written,
                        manifest.payload.content_bytes);
        if (broken_writes > 0) {
            --broken_writes;
            return fail(Errc::io, "layer {} cannot be written", digest);
        }
        held.insert_or_assign(digest, manifest);
        damaged.erase(digest);
        last_beneath = beneath;
        ++writes;
        return {};
    }
    Result<> erase(const std::string& digest) override {
        if (std::ranges::find(shown_, digest) != shown_.end())
            return fail(Errc::conflict, "layer {} is shown", digest);
        erased += held.erase(digest) > 0 ? 1 : 0;
        return {};
    }
    Result<Manifest> manifest(const std::string& digest) const override {
        const auto found = held.find(digest);
        if (found == held.end()) return fail(Errc::not_found, "there is no layer {}", digest);
        return found->second;
    }
    Result<> verify(const std::string& digest) const override {
        TRY(manifest(digest));
        if (damaged.contains(digest)) return fail(errors::layer_damaged, "layer {}", digest);
        return {};
    }
    Result<> check(const Manifest& base, const LayerStack& /*stack*/,
                   const std::vector<LayerOutline>& /*outlines*/) override {
        checked_base = base.version.text();
        if (conflict) return fail(errors::layer_conflict, "it hides etc/nos.conf");
        return {};
    }
    Result<std::vector<std::string>> layers() const override {
        std::vector<std::string> all;
        for (const auto& [digest, manifest] : held) all.push_back(digest);
        return all;
    }

    Result<> prepare(const LayerStack& stack) override {
        TRY(refuse_missing(stack));
        if (prepare_broken) return fail(Errc::io, "the view cannot be built");
        prepared.insert(stack);
        return {};
    }
    Result<> show(const LayerStack& stack) override {
        TRY(prepare(stack));
        if (show_broken) return fail(Errc::io, "the view cannot be shown");
        if (stack != shown_) ++switches;
        shown_ = stack;
        if (on_show) on_show(stack);
        return {};
    }
    LayerStack shown() const override { return shown_; }
    Result<> tidy(const std::vector<LayerStack>& keep) override {
        std::erase_if(prepared, [&](const LayerStack& view) {
            return view != shown_ && std::ranges::find(keep, view) == keep.end();
        });
        return {};
    }

    Result<LayerStartup> startup(Slot slot) const override {
        const auto found = records.find(slot);
        return found == records.end() ? LayerStartup{} : found->second;
    }
    Result<> set_startup(Slot slot, const LayerStack& stack) override {
        TRY(refuse_missing(stack));
        if (record_broken) return fail(Errc::io, "the startup record cannot be written");
        records.insert_or_assign(slot, LayerStartup{.committed = stack});
        return {};
    }
    Result<> start_trial(Slot slot, const LayerStack& stack, int tries) override {
        if (tries < 1) return fail(Errc::invalid, "a trial needs a boot");
        TRY(refuse_missing(stack));
        if (record_broken) return fail(Errc::io, "the startup record cannot be written");
        auto& record = records[slot];
        record.trial = stack;
        record.tries = record.tries_left = tries;
        return {};
    }
    Result<> end_trial(Slot slot) override {
        if (record_broken) return fail(Errc::io, "the startup record cannot be written");
        auto& record = records[slot];
        record = {.committed = std::move(record.committed)};
        return {};
    }

    // The slot is booted, after SimulatedBoot::power_cycle() chose it: counts a trial's try before
    // it is shown, as often as it dies, and falls back to the committed stack; without layers where
    // one of that is missing. As on a device, an exhausted trial stays in the record.
    void boot(Slot slot, const std::function<bool(const LayerStack&)>& comes_up = {}) {
        prepared.clear();
        booted_on_trial = fell_back = false;
        const auto found = records.find(slot);
        if (found != records.end()) {
            auto& record = found->second;
            while (record.trial && record.tries_left > 0) {
                --record.tries_left;
                shown_ = *record.trial;
                if (refuse_missing(shown_) && (!comes_up || comes_up(shown_))) {
                    booted_on_trial = true;
                    return;
                }
            }
            fell_back = record.trial.has_value();
        }
        shown_ = found == records.end() ? LayerStack{} : found->second.committed;
        if (refuse_missing(shown_)) return;
        shown_.clear();
        fell_back = true;
    }

    std::map<std::string, Manifest> held;
    std::map<Slot, LayerStartup> records;
    std::set<LayerStack> prepared;
    std::set<std::string> damaged;  // of those held
    std::string checked_base;       // version of the base that was asked about
    bool conflict = false;
    std::uint64_t available_bytes = std::uint64_t{1} << 30U;
    std::function<void(const LayerStack&)> on_show;  // after each switch
    LayerStack last_beneath;                         // of the newest write
    int writes = 0;
    int erased = 0;
    int switches = 0;
    int broken_writes = 0;  // so many fail, then all are well
    bool prepare_broken = false;
    bool show_broken = false;
    bool record_broken = false;    // the startup record cannot be written
    bool booted_on_trial = false;  // of the last boot
    bool fell_back = false;

private:
    Result<> refuse_missing(const LayerStack& stack) const {
        for (const auto& digest : stack)
            if (!held.contains(digest))
                return fail(Errc::not_found, "there is no layer {}", digest);
        return {};
    }

    LayerStack shown_;
};

// Starts and stops its rows as it is told; what is asked for a service of `failing` fails.
class SimulatedServices final : public Services {
public:
    std::vector<ServiceStatus> status() const override { return services; }
    Result<> change(const std::vector<ServiceAction>& actions, std::stop_token stop) override {
        for (const auto& action : actions) {
            if (stop.stop_requested()) return fail(Errc::cancelled, "the change was stopped");
            const auto& name = action.service.spec.name;
            if (failing.contains(name))
                return fail(errors::service_change_failed, "{} service {}: exit code 1",
                            to_string(action.kind), name);
            actions_done.push_back(action);
            if (action.kind == ServiceActionKind::stop)
                std::erase_if(services, [&](const auto& row) { return row.name == name; });
            else if (std::ranges::find(services, name, &ServiceStatus::name) == services.end())
                services.push_back({.name = name, .state = "running"});
        }
        return {};
    }

    std::string starting() const override {
        return polls_until_started-- > 0 ? "web is starting: 5 s of at most 10 min" : "";
    }

    std::vector<ServiceStatus> services{{.name = "web", .state = "running"}};
    mutable int polls_until_started = 0;
    std::vector<ServiceAction> actions_done;  // by every change(), in order
    std::set<std::string> failing;            // names of services
};

// The machine; a base is known by its version: `sick` ones fail their health checks.
class SimulatedHost final : public Host {
public:
    SimulatedHost(const SimulatedBoot& boot, const SimulatedSlots& slots,
                  std::filesystem::path folder)
        : boot_(boot), slots_(slots), folder_(std::move(folder)) {}

    std::vector<std::string> hardware() const override { return {"emulated"}; }
    Result<std::vector<std::string>> present() const override {
        if (presence_broken) return fail(Errc::io, "the bus does not answer");
        return cards;
    }
    std::string architecture() const override { return "amd64"; }
    std::filesystem::path system() const override { return folder_ / "system"; }
    std::string boot_id() const override { return fmt::format("boot-{}", boot_.boots()); }
    std::vector<std::string> boot_failures() const override { return boot_.failures(); }
    Result<> reboot() override {
        if (reboot_broken) return fail(Errc::io, "the machine cannot be restarted");
        ++reboots_asked;
        return {};
    }
    Result<std::string> probe(const HealthSpec& check, std::stop_token stop) override {
        ++probes;
        if (stop.stop_requested()) return fail(Errc::cancelled, "{} was stopped", check.name);
        const auto held = slots_.held.find(boot_.status()->running);
        if (held != slots_.held.end() && sick.contains(held->second.version.text()))
            return fail(errors::health_failed, "GET {} refused", check.http);
        if (failing_probes > 0) {
            --failing_probes;
            return fail(errors::health_failed, "GET {} refused", check.http);
        }
        return "GET " + check.http + " answers 200";
    }
    std::filesystem::path root() const override { return folder_ / "root"; }
    std::filesystem::path data() const override { return folder_ / "data"; }
    std::map<std::string, std::string> environment() const override {
        return {{"CUTOVER_ROOT", root().string()}, {"CUTOVER_DATA", data().string()}};
    }

    std::set<std::string> sick;
    int failing_probes = 0;  // so many fail, then all are well
    int probes = 0;
    std::vector<std::string> cards;  // that are plugged in
    bool presence_broken = false;
    bool reboot_broken = false;
    int reboots_asked = 0;

private:
    const SimulatedBoot& boot_;
    const SimulatedSlots& slots_;
    std::filesystem::path folder_;
};

struct SimulatedPackage {
    Manifest manifest;
    WallTime signed_at{};
    std::map<std::string, std::string> hooks;  // member name -> content
};

class SimulatedPackages final : public PackageSource {
public:
    Result<std::unique_ptr<OpenedPackage>> open(const std::string& file_or_url, WallTime not_before,
                                                std::stop_token stop) override {
        ++opened;
        newest_not_before = std::max(newest_not_before, not_before);
        if (before_open) before_open(opened);
        if (stop.stop_requested()) return fail(Errc::cancelled, "opening was stopped");
        const auto found = packages.find(file_or_url);
        if (found == packages.end()) return fail(Errc::not_found, "{} is not there", file_or_url);
        return std::make_unique<Opened>(found->second);
    }

    std::map<std::string, SimulatedPackage> packages;
    std::function<void(int)> before_open;  // called with the number of the opening, from 1
    int opened = 0;
    WallTime newest_not_before{};

private:
    class Opened final : public OpenedPackage {
    public:
        explicit Opened(SimulatedPackage package)
            : package_(std::move(package)), digest_(to_hex(sha256(to_json(package_.manifest)))) {}
        const Manifest& manifest() const override { return package_.manifest; }
        const std::string& digest() const override { return digest_; }
        WallTime signed_at() const override { return package_.signed_at; }
        Result<> unpack_hooks(const std::filesystem::path& folder) override {
            for (const auto& [name, content] : package_.hooks) {
                TRY(make_folders((folder / name).parent_path()));
                TRY(write_file_durably(folder / name, content, 0700));
            }
            return {};
        }
        Result<std::vector<LayerOutline::Entry>> entries() override {
            return std::vector<LayerOutline::Entry>();
        }
        Result<std::unique_ptr<ByteSource>> content() override {
            return std::make_unique<TextSource>(
                std::string(package_.manifest.payload.content_bytes, 'x'));
        }

    private:
        SimulatedPackage package_;
        std::string digest_;
    };
};

}  // namespace cutover
