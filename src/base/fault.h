#pragma once

#include <string_view>

// Points at which a test can end the process as a power cut would. A build without
// CUTOVER_FAULT_POINTS has none of this.
//
// The environment steers it: CUTOVER_FAULT_AT=N kills the process (SIGKILL) at the N-th point it
// reaches, counted from 1; CUTOVER_FAULT_TRACE=FILE appends the name of every point reached, one a
// line, so that a first run enumerates what the next ones cut.
namespace cutover {

#ifdef CUTOVER_FAULT_POINTS
void fault_point(std::string_view name);
// Starts counting anew, for a test that forks: dies at the N-th point from now; 0 never dies.
void fault_restart(long die_at, const char* trace_file);
#else
inline void fault_point(std::string_view) {}
#endif

}  // namespace cutover
