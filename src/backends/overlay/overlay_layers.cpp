#include "backends/overlay/overlay_layers.h"

#include <algorithm>
#include <chrono>
#include <expected>
#include <mutex>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "backends/overlay/errors.h"
#include "backends/overlay/shown_layers.h"
#include "backends/overlay/system_view.h"
#include "base/byte_source.h"
#include "base/error.h"
#include "base/files.h"
#include "model/manifest.h"
#include "model/package_kind.h"
#include "model/slot.h"
#include "platform/errors.h"
#include "platform/layer_record.h"
#include "platform/layering/errors.h"
#include "platform/layering/layer_content.h"
#include "platform/layering/layer_view.h"
#include "platform/layers.h"
#include "platform/slot_store.h"

namespace cutover {
namespace {

bool holds(const LayerStack& stack, const std::string& digest) {
    return std::ranges::find(stack, digest) != stack.end();
}

}  // namespace

OverlayLayers::OverlayLayers(Options options)
    : options_(std::move(options)),
      content_(options_.device / "layers"),
      record_(options_.device / "layers" / "startup.json") {
    // Without a report nothing was shown since the boot.
    if (auto report = read_view_report(options_.scratch)) shown_ = std::move(report->shown);
}

Result<SlotSpace> OverlayLayers::space() const {
    const auto folder = options_.device / "layers";
    TRY(make_folders(folder));
    return SlotSpace{.file_system = folder, .available_bytes = TRY(free_bytes(folder))};
}

Result<> OverlayLayers::write(const std::string& digest, const Manifest& manifest,
                              ByteSource& content, const LayerStack& beneath) {
    TRY(require(beneath));
    if (manifest.payload.type == PayloadType::deb)
        return fail(errors::layer_no_debs, "{} {} holds Debian packages", manifest.name,
                    manifest.version.text());
    return content_.write(digest, manifest, content, LayerForm::files, {});
}

Result<> OverlayLayers::erase(const std::string& digest) {
    if (holds(shown(), digest))
        return fail(errors::layer_shown, "layer {} is part of what runs", digest);
    return content_.erase(digest);
}

Result<Manifest> OverlayLayers::manifest(const std::string& digest) const {
    return content_.manifest(digest);
}

Result<std::vector<std::string>> OverlayLayers::layers() const { return content_.layers(); }

Result<> OverlayLayers::require(const LayerStack& stack) const {
    TRY(check_stack(stack));
    for (const auto& digest : stack) static_cast<void>(TRY(content_.form(digest)));
    return {};
}

Result<> OverlayLayers::ask(const LayerStack& stack, bool only_try) {
    TRY(require(stack));
    const auto id = fmt::format("{}.{}", ::getpid(),
                                std::chrono::steady_clock::now().time_since_epoch().count());
    TRY(write_view_request(options_.device, {.id = id, .only_try = only_try, .stack = stack}));
    const auto done = options_.carry_out();
    auto report = read_view_report(options_.scratch);
    const bool answered = report && report->request == id;
    // What the program says of itself is closer to the cause than how it ended.
    if (answered && !report->outcome) return std::unexpected(report->outcome.error());
    if (!done) return fail(errors::layer_not_shown, "{}", done.error().text());
    if (!answered) return fail(errors::layer_not_shown, "it has left no report");
    if (!only_try && report->shown != stack)
        return fail(errors::layer_not_shown, "it has shown another view");
    return {};
}

Result<> OverlayLayers::check(const Manifest& base, const LayerStack& stack,
                              const std::vector<LayerOutline>& outlines) {
    ViewParts parts{.base_persistent = base.persist};
    for (const auto& digest : stack) {
        const auto outline = std::ranges::find(outlines, digest, &LayerOutline::digest);
        if (outline != outlines.end()) {
            for (const auto& [path, is_folder] : outline->entries)
                TRY(check_place(outline->name, path, is_folder, options_.folders));
            parts.layers.push_back({.name = outline->name, .outline = &*outline});
            continue;
        }
        const auto stored = content_.manifest(digest);
        if (!stored) continue;
        parts.layers.push_back({.name = fmt::format("{} {}", stored->name, stored->version.text()),
                                .root = content_.root(digest)});
    }
    return check_view(parts);
}

Result<> OverlayLayers::verify(const std::string& digest) const { return content_.verify(digest); }

Result<> OverlayLayers::prepare(const LayerStack& stack) { return ask(stack, true); }

Result<> OverlayLayers::show(const LayerStack& stack) {
    TRY(ask(stack, false));
    const std::scoped_lock lock(mutex_);
    shown_ = stack;
    return {};
}

LayerStack OverlayLayers::shown() const {
    const std::scoped_lock lock(mutex_);
    return shown_;
}

// No view but the shown one is kept: making one takes milliseconds.
Result<> OverlayLayers::tidy(const std::vector<LayerStack>& /*keep*/) { return content_.sweep(); }

Result<LayerStartup> OverlayLayers::startup(Slot slot) const {
    auto startup = record_.read(slot);
    if (!startup && startup.error().id == errors::layer_record_damaged.id) return LayerStartup{};
    return startup;
}

Result<> OverlayLayers::set_startup(Slot slot, const LayerStack& stack) {
    TRY(require(stack));
    return record_.set_startup(slot, stack);
}

Result<> OverlayLayers::start_trial(Slot slot, const LayerStack& stack, int tries) {
    TRY(require(stack));
    return record_.start_trial(slot, stack, tries);
}

Result<> OverlayLayers::end_trial(Slot slot) { return record_.end_trial(slot); }

}  // namespace cutover
