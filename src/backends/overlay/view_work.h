#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "backends/overlay/shown_layers.h"
#include "backends/overlay/system_view.h"
#include "base/error.h"
#include "model/manifest.h"
#include "model/service_change.h"
#include "platform/layers.h"

namespace cutover {

// A real device whose base runs.
struct RunningSystem {
    std::filesystem::path device;            // the agent's folder, on the data partition
    std::filesystem::path packages_persist;  // persistent files of packages, for both slots
    Manifest base;
    std::vector<std::string> hardware;  // present ids
    SystemPlace place;
};

// What the program that may mount does: shows stacks of layers, and keeps account of it.
class ViewWork {
public:
    explicit ViewWork(RunningSystem system) : system_(std::move(system)), view_(system_.place) {}

    // Does what the agent asks for in its request, and reports. Returns the stack that is shown
    // now, nothing when the request was only to try one.
    Result<std::optional<LayerStack>> carry_out();
    // Shows the stack, and reports it.
    Result<> show(const LayerStack& stack, bool trial);
    // Takes what is shown away before the machine stops: else it would keep the data partition
    // busy, which then could not be unmounted.
    Result<> end() { return view_.uncover(); }
    // Base and stack, with what waits for hardware left out: of which services are made.
    Result<PackageStack> packages(const LayerStack& stack) const;
    // Where the files of its layers are.
    std::vector<std::filesystem::path> roots(const LayerStack& stack) const;

private:
    Result<ViewParts> parts(const LayerStack& stack);

    RunningSystem system_;
    SystemView view_;
};

}  // namespace cutover
