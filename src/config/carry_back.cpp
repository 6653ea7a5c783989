#include <algorithm>
#include <iterator>
#include <map>
#include <ranges>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "config/change_merge.h"
#include "config/config_document.h"
#include "config/data_lines.h"
#include "config/data_upgrade.h"
#include "config/migration_run.h"
#include "config/schema_fit.h"
#include "config/schema_view.h"
#include "config/valid_data.h"
#include "model/configuration.h"

namespace cutover {
namespace {

using NodeId = ConfigDocument::NodeId;

// New data taken back to the old modules, and what of them that did not work for. Both then and now
// go the same way: what is lost on it is lost in both, and so no change.
struct Returned {
    // Whether a node of the new data has come back, as a node or as a part of one.
    void collect(NodeId node = ConfigDocument::kRoot) {
        arrived[data.at(node).origin] = true;
        for (auto child = data.at(node).first; child != 0; child = data.at(child).next)
            collect(child);
    }

    ConfigDocument data;
    std::vector<bool> arrived;                        // by node of the new data
    std::unordered_map<NodeId, std::string> reasons;  // why not
};

// As copy() does it, without one.
ConfigDocument its_own_origin(ConfigDocument document) {
    for (NodeId node = 0; node < document.size(); ++node) document.set_origin(node, node);
    return document;
}

// Of large data each document is tens of megabytes: no more of them are there than are needed.
class CarryBack {
public:
    explicit CarryBack(const CarryBackInput& input)
        : input_(input), old_view_(input.old_schema, names_), new_view_(input.new_schema, names_) {}

    // All but what validation tells; the data are what fit() left.
    Result<CarriedBack> run() {
        new_then_ =
            its_own_origin(TRY(names_.parse_beside(input_.new_then), "the new data of then"));
        new_now_ = TRY(names_.parse_beside(input_.new_now), "the new data of now");
        // A module without a way back takes part in nothing: all begins anew without it.
        while (!migrate_back()) continue;
        fit_back(then_);
        fit_back(now_);
        then_.collect();
        now_.collect();
        tell_not_carried();
        leave_unchanged(ConfigDocument::kRoot);
        new_then_ = new_now_ = names_.empty_beside();

        auto data = its_own_origin(TRY(names_.parse_beside(input_.old_then), "the old data"));
        merge_changes(then_.data, now_.data, old_view_, data);
        then_ = now_ = {};
        // Read twice, for it needs as much room as what was just given back.
        const auto old_then = TRY(names_.parse_beside(input_.old_then));
        const DocumentPair pair{
            .before = old_then, .before_view = old_view_, .after = data, .after_view = old_view_};
        each_change(pair, [&](const ChangedNodes& nodes) {
            if (result_.carried.size() < kMaxDataTold)
                result_.carried.push_back(change_text(pair, nodes));
            else
                ++result_.carried_untold;
        });
        fit(data, old_view_, FitDepth::names, [&](NodeId node, const std::string& why) {
            if (result_.invalid.size() < kMaxInvalidTold)
                result_.invalid.push_back({.path = old_view_.path(data, node), .why = why});
        });
        result_.data = data.write();
        return std::move(result_);
    }

private:
    // False when one more module was found to have no way back.
    bool migrate_back() {
        begin(then_, new_then_);
        begin(now_, new_now_);
        const ChainRun chain{.files = input_.migrations,
                             .run_script = input_.run_script,
                             .from = new_view_,
                             .to = old_view_};
        // The last one first, as each chain begins with its last.
        for (const auto& module : std::views::reverse(input_.old_schema.modules())) {
            if (revision_of(input_.new_schema, module.name) == module.revision) continue;
            if (no_way_.contains(module.name)) {
                // Its data stay what they were.
                leave_out(then_.data, ConfigDocument::kRoot, module.name);
                leave_out(now_.data, ConfigDocument::kRoot, module.name);
                continue;
            }
            for (auto* const returned : {&then_, &now_}) {
                const auto done = run_chain(chain, module.name, returned->data);
                if (!done) {
                    no_way_[module.name] = done.error().text();
                    return false;
                }
                take(*returned, *done);
            }
        }
        return true;
    }

    static void begin(Returned& returned, const ConfigDocument& from) {
        returned = {.data = from.copy(), .arrived = std::vector<bool>(from.size()), .reasons = {}};
    }

    static void take(Returned& returned, const ChainRunResult& done) {
        for (const auto& [origin, why] : done.dropped) returned.reasons.emplace(origin, why);
        for (const auto origin : done.absorbed) returned.arrived[origin] = true;
    }

    // What is the module's, also within data of others.
    static void leave_out(ConfigDocument& data, NodeId node, const std::string& module) {
        data.unlink_if(node, [&](NodeId child) {
            if (data.module_of(data.at(child).name) == module) return true;
            leave_out(data, child, module);
            return false;
        });
    }

    void fit_back(Returned& returned) {
        fit(returned.data, old_view_, FitDepth::values, [&](NodeId node, const std::string& why) {
            returned.reasons.emplace(returned.data.at(node).origin, why);
        });
    }

    void tell_not_carried() {
        adopt_origins(new_then_, new_now_, new_view_, new_view_);
        const DocumentPair pair{.before = new_then_,
                                .before_view = new_view_,
                                .after = new_now_,
                                .after_view = new_view_};
        each_change(pair, [&](const ChangedNodes& nodes) {
            const bool removed = nodes.after == 0;
            const auto& returned = removed ? then_ : now_;
            const auto node = removed ? nodes.before : nodes.after;
            if (returned.arrived[node]) return;
            if (nodes.before != 0) unchanged_.insert(nodes.before);
            if (result_.not_carried.size() >= kMaxDataTold) {
                ++result_.not_carried_untold;
                return;
            }
            result_.not_carried.push_back(
                {.change = change_text(pair, nodes),
                 .why = reason(returned, removed ? new_then_ : new_now_, node)});
        });
    }

    // What cannot have its new value keeps its old one: nothing is taken back of it.
    void leave_unchanged(NodeId node) {
        then_.data.unlink_if(node, [&](NodeId child) {
            if (unchanged_.contains(then_.data.at(child).origin)) return true;
            leave_unchanged(child);
            return false;
        });
    }

    std::string reason(const Returned& returned, const ConfigDocument& data, NodeId node) const {
        for (auto at = node; at != 0; at = data.at(at).parent) {
            if (const auto why = returned.reasons.find(at); why != returned.reasons.end())
                return why->second;
            const auto no_way = no_way_.find(std::string(data.module_of(data.at(at).name)));
            if (no_way != no_way_.end()) return no_way->second;
        }
        return "no migration leads it back";
    }

    const CarryBackInput& input_;
    const ConfigDocument names_;
    ConfigDocument new_then_;  // each node is its own origin
    ConfigDocument new_now_;
    SchemaView old_view_;
    SchemaView new_view_;
    Returned then_;
    Returned now_;
    std::map<std::string, std::string> no_way_;  // by module
    std::unordered_set<NodeId> unchanged_;       // of the new data then
    CarriedBack result_;
};

}  // namespace

Result<CarriedBack> carry_back(const CarryBackInput& input) {
    auto result = TRY(CarryBack(input).run());
    // What the data were made in is gone by now: libyang's tree needs the room.
    auto valid = TRY(read_and_validate(input.old_schema, std::move(result.data)));
    result.data = std::move(valid.text);
    std::ranges::move(valid.invalid, std::back_inserter(result.invalid));
    result.invalid_untold = valid.invalid_untold;
    return result;
}

}  // namespace cutover
