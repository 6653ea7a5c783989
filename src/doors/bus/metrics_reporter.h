#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/log.h"
#include "model/device_config.h"

namespace cutover {

// Tells a message bus of the device's figures: dmi.Metric, each as often as the DMI door was asked
// to. A thread of its own, which nobody waits for, and which stores nothing.
class MetricsReporter {
public:
    struct Options {
        std::filesystem::path folder;  // the device's
        std::string device_uuid;
        EventEncoding encoding = EventEncoding::protobuf;
        std::function<void(const std::string& message)> send;  // must not wait
        std::function<void()> look_around = [] {};             // once a second
    };

    // `log` outlives it.
    MetricsReporter(Options options, Log& log);

private:
    void work(const std::stop_token& stop);

    Options options_;
    Log& log_;
    std::jthread thread_;  // last: it uses all above
};

}  // namespace cutover
