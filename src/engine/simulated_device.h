#pragma once

// A whole device in memory, but for its database and its files: real engine, real store, simulated
// parts (engine/simulated_parts.h). A reboot ends the engine, lets the boot loader choose, and
// starts a new engine on the database as it was left.

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "engine/engine.h"
#include "engine/observer.h"
#include "engine/ports.h"
#include "engine/provision.h"
#include "engine/simulated_parts.h"
#include "model/device_config.h"
#include "model/event.h"
#include "model/generation.h"
#include "model/manifest.h"
#include "model/operation.h"
#include "model/version.h"
#include "platform/config_data.h"
#include "store/store.h"

namespace cutover {

inline Version version(std::string_view text) { return Version::parse(text).value(); }
inline VersionRange range(std::string_view text) { return VersionRange::parse(text).value(); }

// A base package that a real one could be: parse_manifest() accepts it.
inline SimulatedPackage base_package(std::string_view version_text) {
    SimulatedPackage package;
    auto& manifest = package.manifest;
    manifest.kind = PackageKind::base;
    manifest.name = "nos";
    manifest.version = version(version_text);
    manifest.created = "2014-06-01T00:00:00Z";
    manifest.payload = {.type = PayloadType::image,
                        .content_bytes = 2000,
                        .installed_bytes = 2000,
                        .chunk_count = 1};
    manifest.health = {{.name = "web answers", .http = "http://127.0.0.1:8080/"}};
    manifest.members = {
        {.name = "chunks.idx", .size_bytes = 100, .sha256 = to_hex(sha256("chunks"))},
        {.name = "payload", .size_bytes = 2000, .sha256 = to_hex(sha256("payload"))}};
    return package;
}

inline std::string file_of(std::string_view version_text) {
    return "/packages/nos-" + std::string(version_text) + ".cc";
}

// A folder that needs no disk where there is one: the database syncs often.
inline TempFolder fast_folder() {
    const bool memory = ::access("/dev/shm", W_OK) == 0;
    return TempFolder::create(memory ? "/dev/shm" : testing::TempDir(), "cutover").value();
}

class SimulatedDevice : private Observer {
public:
    // Provisioned with nos 1.0.0 in slot A; 1.1.0 and 1.2.0 are at hand.
    explicit SimulatedDevice(DeviceConfig device_config = {}) : config(std::move(device_config)) {
        for (const auto* text : {"1.0.0", "1.1.0", "1.2.0"}) offer(base_package(text));
        EXPECT_TRUE(write_file_durably(folder() / "device.toml", "", 0644));
        store_.emplace(Store::open(folder() / "device.db").value());
        const auto first = provision({.store = *store_,
                                      .boot = boot,
                                      .slots = slots,
                                      .host = host,
                                      .packages = packages,
                                      .clock = clock},
                                     file_of("1.0.0"), {});
        EXPECT_TRUE(first) << first.error().text();
        packages.opened = 0;
        booted_ = true;
        start();
    }

    std::filesystem::path folder() const { return folder_.path(); }
    Store& store() { return *store_; }
    Engine& engine() { return *engine_; }

    void offer(SimulatedPackage package) {
        packages.packages.insert_or_assign(file_of(package.manifest.version.text()),
                                           std::move(package));
    }
    SimulatedPackage& package(std::string_view text) { return packages.packages.at(file_of(text)); }

    // Begins an operation and follows it, over reboots, until the engine rests.
    Operation operate(const Request& request) {
        const auto id = begin(request);
        follow();
        return operation(id);
    }
    // Only until the device is to restart, or the engine was stopped.
    OperationId begin(const Request& request) {
        const auto id = store_->last_operation().value() + 1;
        note(engine_->run(id, request));
        return id;
    }
    Engine::Outcome outcome() const { return outcome_; }

    // Reboots as often as the engine asks for it; a device that never rests is a failure.
    void follow() {
        for (int reboots = 0; outcome_ == Engine::Outcome::reboot; ++reboots) {
            ASSERT_LT(reboots, 10) << "the device reboots for ever";
            reboot_once();
        }
    }
    void reboot_once() {
        power_off();
        boot.power_cycle([this](Slot slot) { return comes_up(slot); });
        layers.boot(boot.status()->running);
        power_on();
    }
    // Somebody restarts the device, or its power was lost.
    void power_cycle() {
        reboot_once();
        follow();
    }
    // The agent ended and is started again; the machine went on.
    void restart_agent() {
        power_off();
        power_on();
        follow();
    }

    Operation operation(OperationId id) {
        const auto all = store_->operations(1000).value();
        for (const auto& each : all)
            if (each.id == id) return each;
        ADD_FAILURE() << "there is no operation " << id;
        return {};
    }
    Operation last_operation() { return operation(store_->last_operation().value()); }
    std::string running() { return slots.held.at(boot.status()->running).version.text(); }
    Generation generation(GenerationId id) {
        const auto all = store_->generations().value();
        for (const auto& each : all)
            if (each.id == id) return each;
        ADD_FAILURE() << "there is no generation " << id;
        return {};
    }
    Marks marks() { return store_->marks().value(); }
    SlotStatus slot(Slot which) { return store_->slots().value().at(which == Slot::a ? 0 : 1); }
    // Names of the alarms that are raised and not cleared.
    std::vector<std::string> alarms() {
        std::vector<std::string> names;
        const auto all = store_->alarms().value();
        for (const auto& alarm : all)
            if (!alarm.cleared) names.push_back(alarm.name);
        return names;
    }
    std::string text_of(const std::filesystem::path& file) {
        return read_file(folder() / file, std::size_t{1} << 20U).value_or("");
    }
    // An executable script below the device's folder.
    void add_script(const std::filesystem::path& file, std::string_view body) {
        EXPECT_TRUE(make_folders((folder() / file).parent_path()));
        EXPECT_TRUE(write_file_durably(folder() / file, "#!/bin/sh\n" + std::string(body), 0700));
    }
    Ports ports(Observer& observer) {
        return {.store = *store_,
                .boot = boot,
                .slots = slots,
                .layers = layers,
                .services = services,
                .host = host,
                .packages = packages,
                .clock = clock,
                .log = *log_,
                .observer = observer,
                .config = config,
                .configuration = configuration,
                .folder = folder()};
    }
    Ports ports() { return ports(*this); }
    void power_off() {
        engine_.reset();
        store_.reset();
    }

    std::set<std::string> brick;  // versions whose boots die before the agent is up
    std::function<void(const Event&)> when_event;
    std::function<void(const Progress&)> when_progress;
    std::vector<Event> events;

private:
    TempFolder folder_ = fast_folder();
    bool booted_ = false;

public:
    DeviceConfig config;
    ConfigData* configuration = nullptr;  // what a test has, set before an operation
    SimulatedClock clock;
    SimulatedBoot boot;
    SimulatedSlots slots{[this]() -> std::optional<Slot> {
        if (!booted_) return std::nullopt;
        return boot.status()->running;
    }};
    SimulatedLayers layers;
    SimulatedServices services;
    SimulatedHost host{boot, slots, folder_.path()};
    SimulatedPackages packages;

private:
    void on_event(const Event& event) override {
        events.push_back(event);
        if (when_event) when_event(event);
    }
    void on_progress(const Progress& progress) override {
        if (when_progress) when_progress(progress);
    }
    void on_change() override {}

    bool comes_up(Slot slot) const {
        const auto held = slots.held.find(slot);
        return held != slots.held.end() && !brick.contains(held->second.version.text());
    }
    void power_on() {
        clock.pass(std::chrono::seconds(9));  // services are away for that long
        store_.emplace(Store::open(folder() / "device.db").value());
        start();
    }
    void start() {
        engine_ = std::make_unique<Engine>(ports());
        note(engine_->start());
    }
    void note(const Result<Engine::Outcome>& outcome) {
        EXPECT_TRUE(outcome) << outcome.error().text();
        outcome_ = outcome.value_or(Engine::Outcome::stopped);
    }

    std::unique_ptr<Log> log_ = Log::silent();
    std::optional<Store> store_;
    std::unique_ptr<Engine> engine_;
    Engine::Outcome outcome_ = Engine::Outcome::idle;
};

inline Request upgrade_to(std::string_view version_text) {
    return {.kind = OperationKind::upgrade,
            .sources = {file_of(version_text)},
            .asked_by = "test@local"};
}
inline Request install_of(std::string_view version_text) {
    auto request = upgrade_to(version_text);
    request.kind = OperationKind::install;
    return request;
}
inline Request request_of(OperationKind kind) { return {.kind = kind, .asked_by = "test@local"}; }

}  // namespace cutover
