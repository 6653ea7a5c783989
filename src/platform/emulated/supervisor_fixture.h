#pragma once

// A place to run services in, with real processes, for tests of the supervisor.

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <poll.h>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "model/device.h"
#include "model/manifest.h"
#include "model/service_change.h"
#include "platform/emulated/supervisor.h"

namespace cutover {

inline constexpr SupervisorOptions kFast{.grace = std::chrono::milliseconds(60),
                                         .first_backoff = std::chrono::milliseconds(5),
                                         .longest_backoff = std::chrono::milliseconds(20),
                                         .max_restarts = 3,
                                         .restart_window = std::chrono::seconds(10),
                                         .stop_timeout = std::chrono::milliseconds(300),
                                         .max_log_bytes = 10'000};

// Waits for another process's effect, which no clock of ours can bring about.
inline bool eventually(const std::function<bool()>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!holds()) {
        if (std::chrono::steady_clock::now() >= deadline) return false;
        ::poll(nullptr, 0, 2);
    }
    return true;
}

struct SupervisorFixture : testing::Test {
    Result<TempFolder> folder = TempFolder::create(testing::TempDir(), "supervisor");
    std::unique_ptr<Log> log = Log::silent();
    std::unique_ptr<Supervisor> supervisor;

    SupervisorFixture() {
        for (const auto* const name : {"root/bin", "data", "persist", "log"})
            std::filesystem::create_directories(folder->path() / name);
        std::filesystem::copy_file("/bin/busybox", path("root/bin/busybox"));
    }
    std::filesystem::path path(const std::string& name) const { return folder->path() / name; }
    std::string text(const std::string& name) const {
        return read_file(path(name), 100'000).value_or("");
    }

    // What a service has written by its first line feed, which may come after it is taken for up.
    std::string awaited(const std::string& name) const {
        EXPECT_TRUE(eventually([&] { return text(name).contains('\n'); })) << name;
        return text(name);
    }

    static ServiceSpec shell(const std::string& name, const std::string& script) {
        return {.name = name, .command = {"bin/busybox", "sh", "-c", script}};
    }

    Result<> start(std::vector<PlannedService> services, SupervisorOptions options = kFast,
                   std::stop_token stop = {}) {
        supervisor = std::make_unique<Supervisor>(std::move(services),
                                                  ServicePlace{.root = path("root"),
                                                               .data = path("data"),
                                                               .persist = path("persist"),
                                                               .log = path("log"),
                                                               .device = folder->path()},
                                                  options, *log);
        return supervisor->start(std::move(stop));
    }
    ServiceStatus status(std::size_t index = 0) const { return supervisor->status().at(index); }
};

}  // namespace cutover
