#include "platform/emulated/emulated_layers.h"

#include <algorithm>
#include <cstddef>
#include <expected>
#include <filesystem>
#include <iterator>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/byte_source.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"
#include "crypto/digest.h"
#include "model/device_config.h"
#include "model/manifest.h"
#include "model/package_kind.h"
#include "model/slot.h"
#include "platform/emulated/stray_processes.h"
#include "platform/errors.h"
#include "platform/layer_record.h"
#include "platform/layering/errors.h"
#include "platform/layering/image_mount.h"
#include "platform/layering/layer_content.h"
#include "platform/layering/layer_view.h"
#include "platform/layers.h"
#include "platform/slot_store.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kShortDigest = 16;  // of mount points only

bool holds(const LayerStack& stack, const std::string& digest) {
    return std::ranges::find(stack, digest) != stack.end();
}

}  // namespace

EmulatedLayers::EmulatedLayers(fs::path device, LayersBackend backend)
    : device_(std::move(device)),
      backend_(backend),
      content_(device_ / "layers"),
      record_(device_ / "layers" / "startup.json"),
      switch_(device_ / "run") {}

EmulatedLayers::~EmulatedLayers() { forget_mounts(); }

// A view before the layers and the base that it covers.
void EmulatedLayers::forget_mounts() {
    views_.clear();
    mounts_.clear();
}

Result<> EmulatedLayers::reset() {
    forget_mounts();
    base_.reset();
    {
        const std::scoped_lock lock(mutex_);
        shown_.clear();
    }
    const auto views = device_ / "views";
    unmount_below(views);
    // Below a mount that would not go there are files that somebody wants to keep.
    if (is_mounted_below(views))
        return fail(errors::layer_needs_root, "{} is mounted and cannot be unmounted",
                    views.string());
    TRY(remove_tree(views));
    return switch_.reset();
}

bool EmulatedLayers::is_mounted_base() const {
    return base_->manifest.payload.type == PayloadType::image;
}

Result<> EmulatedLayers::set_base(RunningBase base) {
    TRY(make_folders(device_ / "views"));
    base_ = std::make_unique<RunningBase>(std::move(base));
    const auto has_images = [&] {
        return std::ranges::any_of(content_.layers(), [&](const auto& digest) {
            const auto form = content_.form(digest);
            return form && *form == LayerForm::image;
        });
    };
    const bool wanted =
        backend_ == LayersBackend::overlay ||
        (backend_ == LayersBackend::automatic && (is_mounted_base() || has_images()));
    if (wanted && ::geteuid() == 0) {
        TRY(enter_mount_namespace());
        may_mount_ = true;
    }
    return show({});
}

Result<SlotSpace> EmulatedLayers::space() const {
    TRY(make_folders(device_ / "layers"));
    return SlotSpace{.file_system = device_ / "layers",
                     .available_bytes = TRY(free_bytes(device_ / "layers"))};
}

Result<> EmulatedLayers::write(const std::string& digest, const Manifest& manifest,
                               ByteSource& content, const LayerStack& beneath) {
    TRY(require(beneath));
    const bool whole = content_.verify(digest).has_value();
    if (whole && holds(shown(), digest)) return {};
    const bool mounted = backend_ == LayersBackend::overlay ||
                         (backend_ == LayersBackend::automatic && base_ && is_mounted_base());
    std::vector<fs::path> roots;
    if (manifest.payload.type == PayloadType::deb) {
        if (!base_) return fail(Errc::conflict, "no base runs on which they could be installed");
        roots.push_back(base_->root);
        for (const auto& layer : beneath) roots.insert(roots.begin(), TRY(layer_root(layer)));
    }
    TRY(content_.write(digest, manifest, content, mounted ? LayerForm::image : LayerForm::files,
                       roots));
    if (whole) return {};
    mounts_.erase(digest);
    ++rewritten_[digest];
    return {};
}

Result<> EmulatedLayers::erase(const std::string& digest) {
    if (holds(shown(), digest))
        return fail(errors::layer_shown, "layer {} is part of what runs", digest);
    // Views that have it go with it, but for those that a process still uses: they keep its files.
    for (auto view = views_.begin(); view != views_.end();) {
        const auto next = std::next(view);
        if (holds(view->second.stack, digest) &&
            !is_used_by_device(device_, device_ / "views" / view->first))
            TRY(remove_view(view->first));
        view = next;
    }
    TRY(content_.erase(digest));
    const bool in_use = std::ranges::any_of(
        views_, [&](const auto& view) { return holds(view.second.stack, digest); });
    if (!in_use) mounts_.erase(digest);
    return {};
}

Result<Manifest> EmulatedLayers::manifest(const std::string& digest) const {
    return content_.manifest(digest);
}

Result<std::vector<std::string>> EmulatedLayers::layers() const { return content_.layers(); }

Result<> EmulatedLayers::require(const LayerStack& stack) const {
    TRY(check_stack(stack));
    for (const auto& digest : stack) static_cast<void>(TRY(content_.form(digest)));
    return {};
}

Result<bool> EmulatedLayers::wants_overlay(const LayerStack& stack) const {
    if (backend_ == LayersBackend::overlay) return true;
    for (const auto& digest : stack) {
        if (TRY(content_.form(digest)) == LayerForm::files) continue;
        if (backend_ == LayersBackend::automatic) return true;
        return fail(errors::layer_other_file_system, "layer {} was stored as an image", digest);
    }
    return backend_ == LayersBackend::automatic && is_mounted_base();
}

std::string EmulatedLayers::identity(const LayerStack& stack) const {
    auto text = fmt::format("{} {}\n", to_string(base_->slot), to_json(base_->manifest));
    for (const auto& digest : stack) {
        const auto times = rewritten_.find(digest);
        text += fmt::format("{} {}\n", digest, times == rewritten_.end() ? 0 : times->second);
    }
    return to_hex(sha256(text));
}

fs::path EmulatedLayers::view_root(const LayerStack& stack) const {
    if (stack.empty()) return base_->root;
    return device_ / "views" / identity(stack) / "root";
}

Result<fs::path> EmulatedLayers::layer_root(const std::string& digest) {
    if (TRY(content_.form(digest)) == LayerForm::files) return content_.root(digest);
    auto& mount = mounts_[digest];
    if (!mount) {
        auto mounted =
            ImageMount::mount_here(content_.image(digest), device_ / "run" / "mnt" / "layers" /
                                                               digest.substr(0, kShortDigest));
        if (!mounted) {
            mounts_.erase(digest);
            return fail(errors::layer_damaged, "{}", mounted.error().text());
        }
        mount = *std::move(mounted);
    }
    return mount->root();
}

Result<ViewParts> EmulatedLayers::parts_of(const LayerStack& stack) {
    ViewParts parts{.base = base_->root,
                    .base_persist = base_->persist,
                    .base_persistent = base_->manifest.persist,
                    .base_is_mounted = is_mounted_base(),
                    .packages_persist = device_ / "persist" / "packages"};
    for (const auto& digest : stack) {
        const auto manifest = TRY(content_.manifest(digest));
        parts.layers.push_back(
            {.name = fmt::format("{} {}", manifest.name, manifest.version.text()),
             .root = TRY(layer_root(digest)),
             .persist = manifest.persist});
    }
    return parts;
}

Result<> EmulatedLayers::check(const Manifest& base, const LayerStack& stack,
                               const std::vector<LayerOutline>& outlines) {
    const bool runs = base_ && to_json(base) == to_json(base_->manifest);
    ViewParts parts{.base = runs ? base_->root : fs::path(), .base_persistent = base.persist};
    for (const auto& digest : stack) {
        const auto outline = std::ranges::find(outlines, digest, &LayerOutline::digest);
        if (outline != outlines.end()) {
            parts.layers.push_back({.name = outline->name, .outline = &*outline});
            continue;
        }
        const auto stored = content_.manifest(digest);
        if (!stored) continue;
        parts.layers.push_back({.name = fmt::format("{} {}", stored->name, stored->version.text()),
                                .root = TRY(layer_root(digest))});
    }
    return check_view(parts);
}

Result<> EmulatedLayers::prepare(const LayerStack& stack) {
    if (!base_) return fail(Errc::conflict, "no base runs to which packages could be added");
    TRY(require(stack));
    if (stack.empty() || views_.contains(identity(stack))) return {};
    return build(stack);
}

Result<> EmulatedLayers::build(const LayerStack& stack) {
    const bool overlay = TRY(wants_overlay(stack));
    if (overlay && !may_mount_)
        return fail(errors::layer_needs_root, "a view of {} packages has to be mounted",
                    stack.size());
    const auto parts = TRY(parts_of(stack));
    TRY(check_view(parts));
    TRY(make_folders(parts.packages_persist));
    TRY(seed_packages(parts));
    const auto id = identity(stack);
    View view{.stack = stack, .overlay = nullptr};
    if (overlay) {
        view.overlay = TRY(OverlayView::mount(parts, device_ / "views" / id / "root"));
    } else {
        const auto fresh = device_ / "views" / (".new-" + id);
        TRY(remove_tree(fresh));
        TRY(make_folders(fresh));
        fault_point("layer.view");
        if (auto built = build_tree_view(parts, fresh / "root"); !built) {
            (void)remove_tree(fresh);
            return built;
        }
        std::error_code error;
        fs::rename(fresh, device_ / "views" / id, error);
        if (error) return std::unexpected(errno_error(error.value(), "rename a view"));
    }
    fault_point("layer.view_built");
    views_.emplace(id, std::move(view));
    return {};
}

Result<> EmulatedLayers::show(const LayerStack& stack) {
    TRY(prepare(stack));
    TRY(switch_.show(view_root(stack)));
    shown_view_ = identity(stack);
    const std::scoped_lock lock(mutex_);
    shown_ = stack;
    return {};
}

LayerStack EmulatedLayers::shown() const {
    const std::scoped_lock lock(mutex_);
    return shown_;
}

Result<> EmulatedLayers::remove_view(const std::string& identity) {
    const auto folder = device_ / "views" / identity;
    const bool mounted = views_.at(identity).overlay != nullptr;
    views_.erase(identity);
    // Never through a mount: below it are persistent files.
    if (mounted && is_mounted_below(folder)) return {};
    return remove_tree(folder);
}

Result<> EmulatedLayers::tidy(const std::vector<LayerStack>& keep) {
    if (!base_) return {};
    std::set<std::string> kept{shown_view_};
    for (const auto& stack : keep) kept.insert(identity(stack));
    std::set<std::string> used_layers;
    for (auto view = views_.begin(); view != views_.end();) {
        const auto next = std::next(view);
        if (kept.contains(view->first) ||
            is_used_by_device(device_, device_ / "views" / view->first))
            used_layers.insert(view->second.stack.begin(), view->second.stack.end());
        else
            TRY(remove_view(view->first));
        view = next;
    }
    std::erase_if(mounts_, [&](const auto& mount) { return !used_layers.contains(mount.first); });
    return content_.sweep();
}

Result<LayerStartup> EmulatedLayers::startup(Slot slot) const {
    auto startup = record_.read(slot);
    if (!startup && startup.error().id == errors::layer_record_damaged.id) return LayerStartup{};
    return startup;
}

Result<> EmulatedLayers::set_startup(Slot slot, const LayerStack& stack) {
    TRY(require(stack));
    return record_.set_startup(slot, stack);
}

Result<> EmulatedLayers::start_trial(Slot slot, const LayerStack& stack, int tries) {
    TRY(require(stack));
    return record_.start_trial(slot, stack, tries);
}

Result<> EmulatedLayers::end_trial(Slot slot) { return record_.end_trial(slot); }

}  // namespace cutover
