#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/operation.h"

namespace cutover {

// Signed releases of a tiny base, and a device that runs the first of them.
class Workshop {
public:
    static Result<Workshop> open(const std::filesystem::path& folder);

    // The package of a release: 1.0.0, 1.1.0 and 1.3.0 are good, 1.2.0 fails its health check,
    // 1.2.1 does not boot.
    std::string package(const std::string& version) const;

    // A package on top: web-1.0, web-1.1 and fix-1 (a patch) are good, web-1.2 fails its check.
    std::string on_top(const std::string& named) const;

    // A device that runs `version` with `standby` in its other slot (both committed once), whose
    // user has changed etc/nos.conf.
    Result<> make_device(const std::filesystem::path& device, const std::string& version,
                         const std::string& standby) const;

private:
    explicit Workshop(std::filesystem::path folder) : folder_(std::move(folder)) {}
    std::filesystem::path folder_;
};

struct Scenario {
    std::string name;
    std::string version;  // that runs at first
    std::string standby;  // empty: the other slot is
    std::vector<Request> requests;
    std::vector<std::string> may_run;  // afterwards, wherever it was cut
};

std::vector<Scenario> scenarios(const Workshop& workshop);

}  // namespace cutover
