#include "config/data_upgrade.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <iterator>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/error.h"
#include "config/config_document.h"
#include "config/data_lines.h"
#include "config/migration_run.h"
#include "config/schema_fit.h"
#include "config/schema_view.h"
#include "config/valid_data.h"
#include "model/configuration.h"

namespace cutover {
namespace {

using NodeId = ConfigDocument::NodeId;

// Migrates a copy of the old data, and remembers which node comes from where.
class Upgrade {
public:
    Upgrade(const DataUpgradeInput& input, const RunMigrationScript& run_script,
            ConfigDocument data)
        : input_(input),
          run_script_(run_script),
          before_(std::move(data)),
          after_(before_.copy()),
          from_(input.from, before_),
          to_(input.to, before_) {}

    // All but what validation tells; the data are what fit() left.
    Result<DataUpgrade> run(FitDepth depth) {
        TRY(migrate());
        if (!result_.migrations.empty()) tell_changes();
        fit_to(depth);
        result_.data = after_.write();
        return std::move(result_);
    }

private:
    Result<> migrate() {
        const ChainRun chain{
            .files = input_.migrations, .run_script = run_script_, .from = from_, .to = to_};
        for (const auto& module : input_.to.modules()) {
            auto done = TRY(run_chain(chain, module.name, after_));
            std::ranges::move(done.runs, std::back_inserter(result_.migrations));
            for (auto& [origin, why] : done.dropped) tell_lost_origin(origin, why);
        }
        return {};
    }

    void tell_changes() {
        const DocumentPair pair{
            .before = before_, .before_view = from_, .after = after_, .after_view = to_};
        each_change(pair, [&](const ChangedNodes& nodes) {
            if (result_.changes.size() < kMaxDataTold)
                result_.changes.push_back(change_text(pair, nodes));
            else
                ++result_.changes_untold;
        });
    }

    void fit_to(FitDepth depth) {
        fit(after_, to_, depth, [&](NodeId node, const std::string& why) {
            const auto top = after_.at(node).origin;
            if (top != 0) {
                std::unordered_set<NodeId> still_in_it;
                collect_origins(node, still_in_it);
                each_line(
                    before_, from_, top, [&](NodeId at) { return !still_in_it.contains(at); },
                    [&](NodeId at) { tell_lost_origin(at, why); });
            }
            // And what migrations made or moved into it.
            each_line(
                after_, to_, node, [](NodeId) { return false; },
                [&](NodeId at) {
                    if (!is_below(after_.at(at).origin, top)) tell_lost_node(at, why);
                });
        });
    }

    void collect_origins(NodeId node, std::unordered_set<NodeId>& origins) const {
        origins.insert(after_.at(node).origin);
        for (auto child = after_.at(node).first; child != 0; child = after_.at(child).next)
            collect_origins(child, origins);
    }

    // Of the old data.
    bool is_below(NodeId node, NodeId top) const {
        if (top == 0) return false;
        while (node != 0 && node != top) node = before_.at(node).parent;
        return node != 0;
    }

    void tell_lost_node(NodeId node, const std::string& why) {
        if (const auto origin = after_.at(node).origin; origin != 0)
            return tell_lost_origin(origin, why);
        if (result_.lost.size() >= kMaxDataTold) {
            ++result_.lost_untold;
            return;
        }
        result_.lost.push_back(
            {.path = to_.path(after_, node), .value = std::string(after_.text(node)), .why = why});
    }

    void tell_lost_origin(NodeId origin, const std::string& why) {
        if (result_.lost.size() >= kMaxDataTold) {
            ++result_.lost_untold;
            return;
        }
        result_.lost.push_back({.path = from_.path(before_, origin),
                                .value = std::string(before_.text(origin)),
                                .why = why});
    }

    const DataUpgradeInput& input_;
    const RunMigrationScript& run_script_;
    const ConfigDocument before_;
    ConfigDocument after_;
    SchemaView from_;
    SchemaView to_;
    DataUpgrade result_;
};

// Runs each script once, however often it is asked for what it makes of the same data.
class ScriptMemory {
public:
    explicit ScriptMemory(const RunMigrationScript& run) {
        if (!run) return;
        run_ = [this, &run](const std::string& module, const std::string& from,
                            const std::string& to, const std::string& json) -> Result<std::string> {
            if (next_ == answers_.size()) {
                auto answer = TRY(run(module, from, to, json));
                answers_.push_back(std::move(answer));
            }
            return answers_[next_++];
        };
    }
    const RunMigrationScript& begin_again() {
        next_ = 0;
        return run_;
    }

private:
    RunMigrationScript run_;
    std::vector<std::string> answers_;
    std::size_t next_ = 0;
};

}  // namespace

Result<DataUpgrade> upgrade_data(const DataUpgradeInput& input) {
    ScriptMemory scripts(input.run_script);
    const auto attempt = [&](FitDepth depth) -> Result<DataUpgrade> {
        auto data = TRY(ConfigDocument::parse(input.data), "the data to be upgraded");
        return Upgrade(input, scripts.begin_again(), std::move(data)).run(depth);
    };
    auto result = TRY(attempt(FitDepth::names));
    // What the data were made in is gone by now: libyang's tree needs the room.
    auto valid = read_and_validate(input.to, std::move(result.data));
    if (!valid) {
        // Some leaf does not take its value: only now it pays to ask each.
        result = TRY(attempt(FitDepth::values));
        valid = read_and_validate(input.to, result.data);
    }
    if (!valid) {
        result.invalid.push_back({.path = {}, .why = valid.error().text()});
        return result;
    }
    result.data = std::move(valid->text);
    result.invalid = std::move(valid->invalid);
    result.invalid_untold = valid->invalid_untold;
    return result;
}

}  // namespace cutover
