#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"

namespace cutover {

// A base and what lies on it, the lowest first: of what a view is made.
struct ViewParts {
    struct Layer {
        std::string name;  // "web 1.1.0"
        std::filesystem::path root;
        std::vector<std::string> persist;
    };
    std::filesystem::path base;                // its root
    std::filesystem::path base_persist;        // persist/A
    std::vector<std::string> base_persistent;  // its persistent paths
    bool base_is_mounted = false;              // an image: it has no links to base_persist
    std::filesystem::path packages_persist;    // persist/packages
    std::vector<Layer> layers;
};

// layer.conflict where a package would hide a persistent path of the base, or a folder that is a
// link below it: everything behind the link would be gone from the view.
Result<> check_view(const ViewParts& parts);

// Copies the persistent files of packages out of their layers, where none of that name are kept.
Result<> seed_packages(const ViewParts& parts);

// A new folder `root` of hard links: what lies higher replaces what lies lower; a folder is merged
// with a folder, and with nothing else. It is on the file system of all the parts.
Result<> build_tree_view(const ViewParts& parts, const std::filesystem::path& root);

// The same as a read-only overlay mounted at `root`, until the object ends. For root, in a mount
// namespace that the process has entered before.
class OverlayView {
public:
    static Result<std::unique_ptr<OverlayView>> mount(const ViewParts& parts,
                                                      const std::filesystem::path& root);
    ~OverlayView();
    OverlayView(const OverlayView&) = delete;
    OverlayView& operator=(const OverlayView&) = delete;

private:
    explicit OverlayView(std::filesystem::path root) : mounted_{std::move(root)} {}
    Result<> cover(const std::filesystem::path& persist, const std::vector<std::string>& paths);

    std::vector<std::filesystem::path> mounted_;
};

}  // namespace cutover
