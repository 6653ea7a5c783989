#pragma once

#include "model/event.h"

namespace cutover {

// Told of what the engine does, on the engine's thread. Must not block.
class Observer {
public:
    virtual ~Observer() = default;
    virtual void on_event(const Event& event) = 0;  // after it became durable
    virtual void on_progress(const Progress& progress) = 0;
    virtual void on_change() = 0;  // something of DeviceState is another than before
};

}  // namespace cutover
