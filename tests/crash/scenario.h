#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "life.h"
#include "model/operation.h"
#include "platform/emulated/emulated_slots.h"

namespace cutover {

// Signed releases of a tiny base, and a device that runs the first of them.
class Workshop {
public:
    static Result<Workshop> open(const std::filesystem::path& folder);

    // The package of a release: 1.0.0, 1.1.0 and 1.3.0 are good, 1.2.0 fails its health check,
    // 1.2.1 does not boot; 1.4.0 and 1.5.0 bring two revisions of a YANG module, 1.6.0 another.
    std::string package(const std::string& version) const;

    // A package on top: web-1.0, web-1.1, fix-1 (a patch) and more-1 (needs web) are good, web-1.2
    // fails its check; updates-1 is a pack of web-1.1 and fix-1; router-1.0 and router-2.0 are side
    // by side.
    std::string on_top(const std::string& named) const;

    // A device that runs `version` with `standby` in its other slot (both committed once), whose
    // user has changed etc/nos.conf.
    Result<> make_device(const std::filesystem::path& device, const std::string& version,
                         const std::string& standby,
                         SlotFolders folders = SlotFolders::lettered) const;

private:
    explicit Workshop(std::filesystem::path folder) : folder_(std::move(folder)) {}
    std::filesystem::path folder_;
};

// Something done with the configuration; what may be read wherever it was cut, of the rate that the
// user has set.
struct ConfigAct {
    Act act;
    std::vector<std::string> rates;
};

struct Scenario {
    std::string name;
    std::string version;  // that runs at first
    std::string standby;  // empty: the other slot is
    std::vector<Request> requests;
    std::vector<std::string> may_run;  // afterwards, wherever it was cut
    std::function<Result<>(const std::filesystem::path& device)> prepare = {};
    SlotFolders folders = SlotFolders::lettered;
    std::vector<ConfigAct> acts = {};  // after the requests
    Act check = {};                    // of a device that has recovered, besides the verdict
};

std::vector<Scenario> scenarios(const Workshop& workshop);

}  // namespace cutover
