#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "backends/overlay/mount_table.h"
#include "base/error.h"
#include "platform/layering/layer_view.h"

namespace cutover {

struct SystemPlace {
    std::filesystem::path root = "/";
    std::filesystem::path scratch = "/run/cutover";  // on a file system that a boot finds empty
    std::vector<std::string> folders{"usr", "opt"};  // below `root`: what packages may bring
};

// layer.outside for what a package named `layer` ("web 1.1.0") brings at `path` that no folder of
// `folders` shows.
Result<> check_place(const std::string& layer, const std::filesystem::path& path, bool is_folder,
                     const std::vector<std::string>& folders);

// The view of base and packages as everybody on the machine sees it: an overlay mounted over each
// folder. A folder is switched in one step: whoever opens a file below it finds it as it was or as
// it is to be. Between two folders there is a moment with one switched and the other not.
//
// From Linux 6.5 on a view takes the place of the one before it (MOVE_MOUNT_BENEATH,
// move_mount(2)); an older kernel keeps them on top of each other until the next boot.
//
// For root with CAP_SYS_ADMIN, in the mount namespace of the system.
class SystemView {
public:
    explicit SystemView(SystemPlace place) : place_(std::move(place)) {}

    // The folders of the base alone, whatever is shown over them: what ViewParts::base is to be.
    // Repeatable; the first time before anything is shown.
    Result<std::filesystem::path> hold_base();

    // Builds the view and drops it: it could be shown (layer.outside, layer.conflict,
    // layer.no_overlay).
    Result<> try_out(const ViewParts& parts, const std::string& name);
    // Shows it. `name` is another for every other view. Repeatable; after a failure, or when it was
    // killed, it may be in some folders and not in others until it is called again.
    Result<> show(const ViewParts& parts, const std::string& name);
    // Takes every view away, at the end of a boot. What still runs from one keeps it until it ends.
    Result<> uncover();

private:
    struct Staged {
        std::string folder;
        std::filesystem::path view;  // empty: the base alone is to be seen
    };
    std::filesystem::path target(const std::string& folder) const { return place_.root / folder; }
    std::filesystem::path stage() const { return place_.scratch / "stage"; }
    Result<> open_scratch();
    Result<> check(const ViewParts& parts) const;
    Result<std::vector<Staged>> build(const ViewParts& parts, const std::string& name);
    Result<> carry_mounts(const ViewParts& parts, const std::string& folder) const;
    Result<> put(const Staged& staged, const ViewParts& parts);
    Result<std::vector<Mount>> ours(const std::string& folder) const;
    void drop_stage() const;

    SystemPlace place_;
};

}  // namespace cutover
