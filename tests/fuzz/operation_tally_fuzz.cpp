// What is counted for metrics is a file that somebody may have edited or cut: it is read, as far as
// it makes sense, and what is kept of it reads the same.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "doors/metrics/operation_tally.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = std::string_view(reinterpret_cast<const char*>(data), size);
    auto tally = cutover::OperationTally::parse(text);
    CUTOVER_CHECK(tally || !tally.error().message.empty());
    if (!tally) return 0;
    const auto again = cutover::OperationTally::parse(tally->text());
    CUTOVER_CHECK(again && again->ended == tally->ended && again->durations == tally->durations &&
                  again->last == tally->last);
    return 0;
}
