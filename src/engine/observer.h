#pragma once

#include <chrono>

#include "model/event.h"

namespace cutover {

// Told of what the engine does, on the engine's thread. Must not block.
class Observer {
public:
    virtual ~Observer() = default;
    virtual void on_event(const Event& event) = 0;  // after it became durable
    virtual void on_progress(const Progress& progress) = 0;
    virtual void on_change() = 0;  // something of DeviceState is another than before
    // The engine's thread is at work, and says so again within `at_most`: otherwise it hangs.
    virtual void on_alive(std::chrono::milliseconds /*at_most*/) {}
};

}  // namespace cutover
