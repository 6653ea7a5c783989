#pragma once

#include <thread>

namespace cutover {

// Gives memory back that was taken and is used no more, while it lives. What a crowd of clients
// had stays else with the allocator: it is in pieces too small to be given back one by one.
class MemoryKeeper {
public:
    MemoryKeeper();

private:
    std::jthread thread_;
};

}  // namespace cutover
