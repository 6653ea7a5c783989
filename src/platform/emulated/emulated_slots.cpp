#include "platform/emulated/emulated_slots.h"

#include <expected>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/byte_source.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"
#include "model/manifest.h"
#include "model/package_kind.h"
#include "model/slot.h"
#include "platform/emulated/errors.h"
#include "platform/errors.h"
#include "platform/layering/image_writer.h"
#include "platform/layering/tree_writer.h"
#include "platform/persistence.h"
#include "platform/slot_store.h"

namespace cutover {
namespace fs = std::filesystem;

fs::path EmulatedSlots::folder(Slot slot) const {
    return versioned_ ? releases_.folder(slot) : device_ / "slots" / to_string(slot);
}
fs::path EmulatedSlots::root(Slot slot) const { return folder(slot) / "root"; }
fs::path EmulatedSlots::image(Slot slot) const { return folder(slot) / "image"; }
fs::path EmulatedSlots::persist(Slot slot) const { return device_ / "persist" / to_string(slot); }

Result<> EmulatedSlots::check_folders() const {
    for (const auto slot : {Slot::a, Slot::b}) {
        const auto place = device_ / "slots" / to_string(slot);
        std::error_code error;
        const auto type = fs::symlink_status(place, error).type();
        const auto wrong = versioned_ ? fs::file_type::directory : fs::file_type::symlink;
        if (type == wrong)
            return fail(errors::device_other_slots, "{} is a {}", place.string(),
                        versioned_ ? "folder, and [slots] backend is \"tree\""
                                   : "link, and [slots] backend is not \"tree\"");
    }
    return {};
}

Result<> EmulatedSlots::show_current(Slot slot) const {
    return versioned_ ? releases_.show(slot) : Result<>();
}

void EmulatedSlots::set_running(std::optional<Slot> slot, fs::path running_root) {
    const std::scoped_lock lock(mutex_);
    running_ = slot;
    running_root_ = std::move(running_root);
}

Result<> EmulatedSlots::refuse_running(Slot slot) const {
    const std::scoped_lock lock(mutex_);
    if (running_ == slot)
        return fail(errors::slot_active, "slot {} runs and cannot be changed", to_string(slot));
    return {};
}

Result<SlotSpace> EmulatedSlots::space(Slot slot) const {
    const auto where = place();
    TRY(make_folders(where));
    const auto free = TRY(free_bytes(where));
    return SlotSpace{
        .file_system = where,
        .available_bytes = free + used_bytes(folder(slot)) + used_bytes(persist(slot))};
}

Result<> EmulatedSlots::write(Slot slot, const Manifest& manifest, ByteSource& content) {
    TRY(takes(manifest));
    TRY(erase(slot));
    TRY(make_folders(place()));
    const auto free = TRY(free_bytes(place()));
    const auto needed = manifest.payload.installed_bytes;
    if (needed > free)
        return fail(errors::slot_no_space, "slot {} needs {}, {} has {}: {} bytes are missing",
                    to_string(slot), human_size(needed), place().string(), human_size(free),
                    needed - free);
    if (versioned_) TRY(releases_.assign(slot, manifest));
    auto filled = fill(slot, manifest, content);
    if (!filled) {
        (void)erase(slot);  // the room back; without a manifest it holds nothing in any case
        return std::unexpected(std::move(filled).error());
    }
    return {};
}

Result<> EmulatedSlots::takes(const Manifest& manifest) const {
    if (versioned_ && manifest.payload.type == PayloadType::image)
        return fail(errors::slot_takes_trees, "{} {} is an image", manifest.name,
                    manifest.version.text());
    return {};
}

Result<> EmulatedSlots::fill(Slot slot, const Manifest& manifest, ByteSource& content) {
    TRY(make_folders(folder(slot)));
    TRY(make_folders(persist(slot)));
    switch (manifest.payload.type) {
        case PayloadType::image: TRY(fill_image(slot, manifest, content)); break;
        case PayloadType::tree: TRY(fill_tree(slot, manifest, content)); break;
        case PayloadType::none:
        case PayloadType::deb:
            return fail(Errc::unsupported, "a slot holds an image or a tree, not '{}'",
                        to_string(manifest.payload.type));
    }
    fault_point("slot.manifest");
    TRY(write_file_durably(folder(slot) / "manifest.json", to_json(manifest), 0644));
    fault_point("slot.installed");
    return {};
}

Result<> EmulatedSlots::fill_image(Slot slot, const Manifest& manifest, ByteSource& content) {
    TRY(write_image(image(slot), manifest.payload.content_bytes, content));
    return sync_folder(folder(slot));
}

Result<> EmulatedSlots::fill_tree(Slot slot, const Manifest& manifest, ByteSource& content) {
    TRY(write_tree(root(slot), folder(slot) / "reserve", manifest, content));
    TRY(keep_factory(slot, manifest));
    for (const auto& path : TRY(persistent_paths(manifest.persist)))
        TRY(link_persistent(root(slot), persist(slot), path));
    return sync_file_system(folder(slot));
}

// What was brought is moved away and changed; an image still has it, a tree has not.
Result<> EmulatedSlots::keep_factory(Slot slot, const Manifest& manifest) const {
    const auto factory = folder(slot) / "factory";
    TRY(make_folders(factory));
    for (const auto& path : TRY(persistent_paths(manifest.persist))) {
        const auto found = TRY(find_persistent(root(slot), {}, path));
        if (!found.empty()) TRY(copy_over(found, factory / path, Existing::replaced));
    }
    return {};
}

Result<PersistentFiles> EmulatedSlots::persistent(Slot slot) const {
    const bool image = TRY(manifest(slot)).payload.type == PayloadType::image;
    const auto factory = folder(slot) / "factory";
    std::error_code error;
    return PersistentFiles{.folder = persist(slot),
                           .factory = fs::is_directory(factory, error) ? factory : fs::path(),
                           .from_base = image};
}

Result<> EmulatedSlots::erase(Slot slot) {
    TRY(refuse_running(slot));
    std::error_code error;
    if (fs::exists(folder(slot), error)) {
        // First the claim, then the content: no slot ever claims what it does not hold.
        fault_point("slot.erase");
        TRY(remove_tree(folder(slot) / "manifest.json"));
        TRY(sync_folder(folder(slot)));
        fault_point("slot.unclaimed");
        TRY(remove_tree(folder(slot)));
        fault_point("slot.removed");
    }
    TRY(remove_tree(persist(slot)));
    fault_point("slot.erased");
    return versioned_ ? releases_.forget(slot) : Result<>();
}

Result<Manifest> EmulatedSlots::manifest(Slot slot) const {
    auto text = read_file(folder(slot) / "manifest.json", kMaxManifestBytes);
    if (!text && text.error().kind == Errc::not_found)
        return fail(Errc::not_found, "slot {} holds nothing", to_string(slot));
    const auto json = TRY(std::move(text), "manifest of slot {}", to_string(slot));
    return TRY(parse_manifest(json), "manifest of slot {}", to_string(slot));
}

Result<> EmulatedSlots::carry_persistent(Slot from, Slot to,
                                         const std::vector<std::string>& paths) {
    TRY(refuse_running(to));
    const auto wanted = TRY(persistent_paths(paths));
    const auto type = TRY(manifest(to)).payload.type;
    for (const auto& path : wanted) {
        fault_point("slot.carry");
        const auto found = TRY(find_persistent(content_root(from), persist(from), path));
        if (found.empty()) continue;
        if (type == PayloadType::tree) TRY(link_persistent(root(to), persist(to), path));
        TRY(copy_over(found, persist(to) / path, Existing::replaced), "carry {}", path.string());
    }
    TRY(make_folders(persist(to)));
    TRY(sync_file_system(persist(to)));
    fault_point("slot.carried");
    return {};
}

fs::path EmulatedSlots::content_root(Slot slot) const {
    const std::scoped_lock lock(mutex_);
    return running_ == slot && !running_root_.empty() ? running_root_ : root(slot);
}

}  // namespace cutover
