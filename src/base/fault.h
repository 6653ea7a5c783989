#pragma once

#include <atomic>
#include <string_view>

// Points at which a test can end the process as a power cut would. They are in every build, so that
// what the tests cut is what ships; there nothing sets the hook, and a point is one load.
namespace cutover {

using FaultHook = void (*)(std::string_view name);
inline std::atomic<FaultHook> fault_hook{nullptr};  // for fault_restart() alone

inline void fault_point(std::string_view name) {
    if (const auto hook = fault_hook.load(std::memory_order_relaxed); hook != nullptr) [[unlikely]]
        hook(name);
}

// For tests: from now on the process kills itself (SIGKILL) at the `die_at`-th point that it
// reaches, counted from 1; 0 is never. The name of every point is appended to `trace_file`, where
// one is given, so that a first run enumerates what the next ones cut.
void fault_restart(long die_at, const char* trace_file);

}  // namespace cutover
