#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <sstream>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "cli/run.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "model/device.h"
#include "model/fake_device.h"

namespace cutover::cli {

// Short pauses pass at once; a long wait ends only by being stopped, unless time flies.
class TestClock final : public Clock {
public:
    WallTime wall() const override { return *from_iso8601("2026-11-21T10:00:00Z"); }
    SteadyTime steady() const override {
        return SteadyTime(std::chrono::milliseconds(now_.load()));
    }
    bool sleep(std::chrono::milliseconds duration, std::stop_token stop) override {
        if (stop.stop_requested()) return false;
        if (duration < std::chrono::seconds(10) || time_flies) {
            now_ += duration.count();
            return true;
        }
        std::unique_lock lock(mutex_);
        std::condition_variable_any().wait(lock, stop, [] { return false; });
        return false;
    }

    std::atomic<bool> time_flies = false;

private:
    std::atomic<std::int64_t> now_ = 0;
    std::mutex mutex_;
};

// The command line with a FakeDevice at its other end.
class TestWorld {
public:
    struct Outcome {
        int code = -1;
        std::string out;
        std::string err;
    };

    Outcome run(const std::vector<std::string>& args) {
        std::istringstream in(answers);
        std::ostringstream out;
        std::ostringstream err;
        const Context context{
            .connect = [this](const Address& address) -> Result<std::unique_ptr<Device>> {
                asked_for = address;
                if (unreachable) return std::unexpected(*unreachable);
                return device.connect();
            },
            .in = in,
            .out = out,
            .err = err,
            .terminal = terminal,
            .clock = clock,
            .folder = folder.path(),
            .device_variable = device_variable,
            .watch_interrupts = interrupts,
            .more_commands = more_commands};
        const int code = cli::run(args, context);
        return {.code = code, .out = out.str(), .err = err.str()};
    }

    // A file that an install can name.
    std::string package(const std::string& name) {
        (void)write_file_durably(folder.path() / name, "a package");
        return name;
    }

    void sit_at_a_terminal() {
        terminal = {.out = true, .err = true, .in = true, .width = 100, .color = false};
    }

    FakeDevice device;
    TestClock clock;
    Terminal terminal;
    TempFolder folder = *TempFolder::create(std::filesystem::temp_directory_path(), "cli");
    std::string answers;
    std::string device_variable;
    std::optional<Error> unreachable;
    Address asked_for;
    std::function<std::shared_ptr<void>(std::stop_source)> interrupts;
    std::vector<AddCommands> more_commands;
};

}  // namespace cutover::cli
