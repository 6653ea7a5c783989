#include "backends/overlay/layers_boot.h"

#include <algorithm>
#include <cstddef>
#include <expected>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"
#include "model/slot.h"
#include "platform/layer_record.h"
#include "platform/layers.h"

namespace cutover {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{16} * 1024;
constexpr std::size_t kMaxFailures = 20;
constexpr std::size_t kMaxFailureBytes = 500;

std::string on_one_line(std::string text) {
    std::ranges::replace(text, '\n', ' ');
    text.resize(std::min(text.size(), kMaxFailureBytes));
    return text;
}

// One boot's choice, with its reasons.
class Choice {
public:
    explicit Choice(const std::function<Result<>(const LayerStack&, bool trial)>& show)
        : show_(show) {}

    bool shows(const LayerStack& stack, bool trial) {
        if (!noted(show_(stack, trial), trial ? "packages on trial" : "packages on the base"))
            return false;
        boot_.shown = stack;
        boot_.trial = trial;
        return true;
    }
    template <typename T>
    bool noted(const Result<T>& result, std::string_view what) {
        if (!result)
            boot_.failures.push_back(
                on_one_line(fmt::format("{}: {}", what, result.error().text())));
        return result.has_value();
    }
    BootedLayers done() && { return std::move(boot_); }

private:
    const std::function<Result<>(const LayerStack&, bool trial)>& show_;
    BootedLayers boot_;
};

BootedLayers choose(LayerRecord& record, Slot slot, const Result<LayerStartup>& startup,
                    const std::function<Result<>(const LayerStack&, bool trial)>& show) {
    Choice choice(show);
    if (choice.noted(startup, "the record of packages")) {
        const auto trial = startup->trial.value_or(LayerStack{});
        for (int left = startup->trial ? startup->tries_left : 0; left > 0;) {
            fault_point("boot.layers_choose");
            const auto counted = record.count_try(slot);
            fault_point("boot.layers_chosen");
            // What is not counted might be tried for ever.
            if (!choice.noted(counted, "the record of packages")) break;
            if (choice.shows(trial, true)) return std::move(choice).done();
            left = counted->tries_left;
        }
        if (choice.shows(startup->committed, false)) return std::move(choice).done();
        if (startup->committed.empty()) return std::move(choice).done();
    }
    choice.shows({}, false);
    return std::move(choice).done();
}

}  // namespace

BootedLayers boot_layers(LayerRecord& record, Slot slot, const std::filesystem::path& failures,
                         const std::function<Result<>(const LayerStack&, bool trial)>& show) {
    const auto startup = record.read(slot);
    auto boot = choose(record, slot, startup, show);
    std::vector<std::string> told;
    if (startup && startup->trial && startup->tries_left < startup->tries) {
        told = read_layers_failures(failures);
        told.emplace_back("packages on trial: the device restarted before the trial was over");
    }
    told.insert(told.end(), boot.failures.begin(), boot.failures.end());
    std::string text;
    for (std::size_t i = told.size() - std::min(told.size(), kMaxFailures); i < told.size(); ++i)
        text += told[i] + "\n";
    const auto written =
        text.empty() ? remove_tree(failures) : write_file_durably(failures, text, 0644);
    if (!written) boot.failures.push_back(on_one_line("their failures: " + written.error().text()));
    return boot;
}

std::vector<std::string> read_layers_failures(const std::filesystem::path& file) {
    const auto text = read_file(file, kMaxFileBytes).value_or("");
    std::vector<std::string> failures;
    std::string_view rest = text;
    while (!rest.empty()) {
        const auto line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        failures.emplace_back(line);
    }
    return failures;
}

}  // namespace cutover
