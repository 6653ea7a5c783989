#include "platform/emulated/emulated_slots.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <fcntl.h>
#include <filesystem>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <sys/types.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/byte_source.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/unique_fd.h"
#include "model/manifest.h"
#include "model/package_kind.h"
#include "model/slot.h"
#include "package/tree.h"
#include "platform/emulated/image_writer.h"
#include "platform/errors.h"
#include "platform/persistence.h"
#include "platform/slot_store.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

// Disk blocks below `folder`, those of hard links once.
std::uint64_t used_bytes(const fs::path& folder) {
    std::uint64_t total = 0;
    std::set<std::pair<dev_t, ino_t>> seen;
    const auto add = [&](const fs::path& path) {
        struct stat info{};
        if (::lstat(path.c_str(), &info) != 0) return;
        if (info.st_nlink > 1 && !S_ISDIR(info.st_mode) &&
            !seen.emplace(info.st_dev, info.st_ino).second)
            return;
        total += static_cast<std::uint64_t>(info.st_blocks) * 512;
    };
    std::error_code error;
    for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error))
        add(entry->path());
    return total;
}

// A file whose blocks nobody else can take; it gives them back as the tree grows.
class Reserve {
public:
    static Result<Reserve> make(const fs::path& file, std::uint64_t size_bytes) {
        auto fd = TRY(open_file(file, O_RDWR | O_CREAT | O_TRUNC));
        TRY(reserve_blocks(fd.get(), size_bytes, file));
        return Reserve(std::move(fd), size_bytes);
    }

    void give_back(std::uint64_t written) {
        const auto left = size_bytes_ - std::min(size_bytes_, written);
        // One step ahead of the tree, and not at every block.
        const auto wanted = left - std::min(left, kStep);
        if (wanted >= left_bytes_ || (left_bytes_ - wanted < kStep && wanted != 0)) return;
        if (::ftruncate(fd_.get(), static_cast<off_t>(wanted)) == 0) left_bytes_ = wanted;
    }

private:
    static constexpr std::uint64_t kStep = std::uint64_t{4} * 1024 * 1024;
    Reserve(UniqueFd fd, std::uint64_t size_bytes)
        : fd_(std::move(fd)), size_bytes_(size_bytes), left_bytes_(size_bytes) {}

    UniqueFd fd_;
    std::uint64_t size_bytes_;
    std::uint64_t left_bytes_;
};

// Hands on what the manifest promises, and fails where there is less or more.
class ExactSource final : public ByteSource {
public:
    ExactSource(ByteSource& content, std::uint64_t size_bytes)
        : content_(content), left_(size_bytes) {}

    Result<std::size_t> read(std::span<std::byte> buffer) override {
        const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), left_));
        const auto got = TRY(content_.read(buffer.first(wanted)));
        if (got < wanted)
            return fail(errors::slot_wrong_content, "the content ends {} bytes too early",
                        left_ - got);
        left_ -= got;
        return got;
    }

    // What an unpacker leaves unread: a tar is filled up at its end.
    Result<> read_to_end() {
        std::array<std::byte, 4096> buffer{};
        while (TRY(read(buffer)) > 0) {
        }
        if (TRY(content_.read(std::span(buffer).first(1))) != 0)
            return fail(errors::slot_wrong_content, "the content is longer than its manifest says");
        return {};
    }

private:
    ByteSource& content_;
    std::uint64_t left_;
};

}  // namespace

fs::path EmulatedSlots::folder(Slot slot) const { return device_ / "slots" / to_string(slot); }
fs::path EmulatedSlots::root(Slot slot) const { return folder(slot) / "root"; }
fs::path EmulatedSlots::image(Slot slot) const { return folder(slot) / "image"; }
fs::path EmulatedSlots::persist(Slot slot) const { return device_ / "persist" / to_string(slot); }

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
    const auto where = device_ / "slots";
    const auto free = TRY(free_bytes(where));
    return SlotSpace{
        .file_system = where,
        .available_bytes = free + used_bytes(folder(slot)) + used_bytes(persist(slot))};
}

Result<> EmulatedSlots::write(Slot slot, const Manifest& manifest, ByteSource& content) {
    TRY(erase(slot));
    const auto free = TRY(free_bytes(device_ / "slots"));
    const auto needed = manifest.payload.installed_bytes;
    if (needed > free)
        return fail(errors::slot_no_space, "slot {} needs {}, {} has {}: {} bytes are missing",
                    to_string(slot), human_size(needed), (device_ / "slots").string(),
                    human_size(free), needed - free);
    auto filled = fill(slot, manifest, content);
    if (!filled) {
        (void)erase(slot);  // the room back; without a manifest it holds nothing in any case
        return std::unexpected(std::move(filled).error());
    }
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
    const auto reserve_file = folder(slot) / "reserve";
    {
        auto reserve = TRY(Reserve::make(reserve_file, manifest.payload.installed_bytes));
        fault_point("slot.tree_reserved");
        TRY(make_folders(root(slot)));
        ExactSource exact(content, manifest.payload.content_bytes);
        TRY(unpack_tree(exact, root(slot),
                        {.installed_bytes = manifest.payload.installed_bytes,
                         .on_progress = [&](std::uint64_t used_bytes) -> Result<> {
                             reserve.give_back(used_bytes);
                             return {};
                         }}));
        TRY(exact.read_to_end());
    }
    fault_point("slot.tree_unpacked");
    TRY(remove_tree(reserve_file));
    for (const auto& path : TRY(persistent_paths(manifest.persist)))
        TRY(link_persistent(root(slot), persist(slot), path));
    return sync_file_system(folder(slot));
}

Result<> EmulatedSlots::erase(Slot slot) {
    TRY(refuse_running(slot));
    std::error_code error;
    if (!fs::exists(folder(slot), error)) return {};
    // First the claim, then the content: no slot ever claims what it does not hold.
    fault_point("slot.erase");
    TRY(remove_tree(folder(slot) / "manifest.json"));
    TRY(sync_folder(folder(slot)));
    fault_point("slot.unclaimed");
    TRY(remove_tree(folder(slot)));
    TRY(remove_tree(persist(slot)));
    fault_point("slot.erased");
    return {};
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
