#include "backends/overlay/view_work.h"

#include <cstddef>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "backends/overlay/shown_layers.h"
#include "base/error.h"
#include "crypto/digest.h"
#include "model/service_change.h"
#include "platform/errors.h"
#include "platform/layer_record.h"
#include "platform/layering/layer_content.h"
#include "platform/layering/layer_view.h"
#include "platform/layers.h"

namespace cutover {
namespace {

constexpr std::size_t kNameLength = 16;  // of a view, in the mount table

std::string name_of(const LayerStack& stack) {
    std::string text;
    for (const auto& digest : stack) text += digest + "\n";
    return to_hex(sha256(text)).substr(0, kNameLength);
}

}  // namespace

Result<ViewParts> ViewWork::parts(const LayerStack& stack) {
    TRY(check_stack(stack));
    const LayerContent content(system_.device / "layers");
    ViewParts parts{.base = TRY(view_.hold_base()),
                    .base_persist = {},
                    .base_persistent = system_.base.persist,
                    .base_is_mounted = true,
                    .packages_persist = system_.packages_persist,
                    .layers = {}};
    for (const auto& digest : stack) {
        const auto manifest = TRY(content.manifest(digest));
        if (TRY(content.form(digest)) != LayerForm::files)
            return fail(errors::layer_damaged, "layer {} holds an image, not files", digest);
        parts.layers.push_back(
            {.name = fmt::format("{} {}", manifest.name, manifest.version.text()),
             .root = content.root(digest),
             .persist = manifest.persist});
    }
    return parts;
}

Result<PackageStack> ViewWork::packages(const LayerStack& stack) const {
    const LayerContent content(system_.device / "layers");
    PackageStack packages{{.digest = {}, .manifest = system_.base}};
    for (const auto& digest : stack)
        packages.push_back({.digest = digest, .manifest = TRY(content.manifest(digest))});
    return awake(packages, system_.hardware);
}

std::vector<std::filesystem::path> ViewWork::roots(const LayerStack& stack) const {
    const LayerContent content(system_.device / "layers");
    std::vector<std::filesystem::path> roots;
    roots.reserve(stack.size());
    for (const auto& digest : stack) roots.push_back(content.root(digest));
    return roots;
}

Result<> ViewWork::show(const LayerStack& stack, bool trial) {
    const auto wanted = TRY(parts(stack));
    TRY(view_.show(wanted, name_of(stack)));
    return write_view_report(system_.place.scratch,
                             {.shown = stack, .trial = trial, .request = {}, .outcome = {}});
}

Result<std::optional<LayerStack>> ViewWork::carry_out() {
    auto report = read_view_report(system_.place.scratch).value_or(ViewReport{});
    std::optional<LayerStack> shown;
    report.outcome = [&]() -> Result<> {
        const auto request = TRY(read_view_request(system_.device));
        report.request = request.id;
        const auto wanted = TRY(parts(request.stack));
        if (request.only_try) return view_.try_out(wanted, name_of(request.stack));
        TRY(view_.show(wanted, name_of(request.stack)));
        shown = report.shown = request.stack;
        report.trial = false;
        return {};
    }();
    TRY(write_view_report(system_.place.scratch, report));
    if (!report.outcome) return std::unexpected(report.outcome.error());
    return shown;
}

}  // namespace cutover
