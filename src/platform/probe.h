#pragma once

#include <filesystem>
#include <map>
#include <stop_token>
#include <string>

#include "base/error.h"
#include "model/manifest.h"

namespace cutover {

struct ProbePlace {
    std::filesystem::path root;  // where the program of an `exec` check is found and run
    std::map<std::string, std::string> environment;
};

// Asks once what `check` asks: Host::probe() for any device. The answer, or the reason it is no
// good one (health.failed, `timeout`), is a sentence with at most 4 KiB of what was answered.
Result<std::string> run_probe(const HealthSpec& check, const ProbePlace& place,
                              std::stop_token stop);

}  // namespace cutover
