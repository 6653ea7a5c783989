#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/error.h"
#include "engine/ports.h"
#include "model/operation.h"

namespace cutover {

// What the device looked like before an operation and after it, and the difference: JSON and text
// in evidence/<operation>/. Captured are marks, slots, services, health, what device.toml's
// [evidence] names (files, output of commands), each bounded. Evidence that cannot be had is
// recorded as such.
class Evidence {
public:
    struct Difference {
        int entries = 0;
        std::string report;  // as difference.txt has it
    };

    Evidence(const Ports& ports, OperationId operation);

    // Writes <label>.json; after "after", where there is a "before", also difference.json and
    // difference.txt, and returns those texts.
    Result<Difference> capture(std::string_view label, const std::stop_token& stop);

    const std::filesystem::path& folder() const { return folder_; }

private:
    std::string collect(const std::stop_token& stop);
    Result<Difference> compare();

    const Ports& ports_;
    std::filesystem::path folder_;
};

// The lines that only one of the two texts has, as "- old" and "+ new", in order. Long texts are
// compared as a whole.
std::string line_difference(std::string_view before, std::string_view after);

}  // namespace cutover
