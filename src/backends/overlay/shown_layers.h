#pragma once

#include <filesystem>
#include <string>

#include "base/error.h"
#include "platform/layers.h"

namespace cutover {

// What the agent, which may mount nothing, asks of the program that may: one small file in the
// device's folder.
struct ViewRequest {
    std::string id;         // another for every request
    bool only_try = false;  // build the view, show nothing
    LayerStack stack;
};
Result<> write_view_request(const std::filesystem::path& device, const ViewRequest& request);
Result<ViewRequest> read_view_request(const std::filesystem::path& device);

// What that program has done, in a folder that a boot finds empty.
struct ViewReport {
    LayerStack shown;
    bool trial = false;   // shown by the boot as the trial of next startup
    std::string request;  // the newest that was carried out
    Result<> outcome;     // of that
};
Result<> write_view_report(const std::filesystem::path& scratch, const ViewReport& report);
Result<ViewReport> read_view_report(const std::filesystem::path& scratch);  // or `not_found`

}  // namespace cutover
