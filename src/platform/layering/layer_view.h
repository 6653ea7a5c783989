#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "platform/layers.h"

namespace cutover {

// A base and what lies on it, the lowest first: of what a view is made.
struct ViewParts {
    struct Layer {
        std::string name;  // "web 1.1.0"
        std::filesystem::path root;
        std::vector<std::string> persist;
        // Of a layer without a root, which is not stored yet. Only check_view() takes those.
        const LayerOutline* outline = nullptr;
    };
    std::filesystem::path base;                // its root
    std::filesystem::path base_persist;        // persist/A
    std::vector<std::string> base_persistent;  // its persistent paths
    bool base_is_mounted = false;              // an image: it has no links to base_persist
    std::filesystem::path packages_persist;    // persist/packages
    std::vector<Layer> layers;
};

// layer.conflict where a package would hide a persistent path of the base, or a folder that is a
// link below it: everything behind the link would be gone from the view. Without `parts.base` no
// links of the base are known.
Result<> check_view(const ViewParts& parts);

// Copies the persistent files of packages out of their layers, where none of that name are kept.
Result<> seed_packages(const ViewParts& parts);

// A new folder `root` of hard links: what lies higher replaces what lies lower; a folder is merged
// with a folder, and with nothing else. It is on the file system of all the parts.
Result<> build_tree_view(const ViewParts& parts, const std::filesystem::path& root);

// Mounts `lower`, the highest first, as one read-only tree at `at`, which is made; `source` is what
// the mount table says of it, `flags` are mount(2)'s. layer.no_overlay when the kernel refuses.
Result<> mount_overlay(const std::string& source, const std::vector<std::filesystem::path>& lower,
                       const std::filesystem::path& at, unsigned long flags);

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
