#include "config/migration_chain.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "config/data_upgrade.h"
#include "config/errors.h"

namespace cutover {
namespace {

std::string shown(std::string_view revision) {
    return revision.empty() ? "no revision" : std::string(revision);
}

bool is_revision(std::string_view text) {
    if (text.empty()) return true;
    if (text.size() != 10) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool dash = i == 4 || i == 7;
        if (dash ? text[i] != '-' : (text[i] < '0' || text[i] > '9')) return false;
    }
    return true;
}

// Migrations of one module as arrows between revisions.
class Arrows {
public:
    Arrows(const std::vector<MigrationFile>& files, const std::string& module) {
        for (const auto& file : files)
            if (file.module == module) links_.push_back({.file = &file});
    }

    // The ways that no file goes already.
    void add_reversed() {
        const auto forward = links_;
        for (const auto& link : forward) {
            const auto there = [&](const ChainLink& other) {
                return from(other) == to(link) && to(other) == from(link);
            };
            if (!link.file->script && std::ranges::none_of(forward, there))
                links_.push_back({.file = link.file, .reversed = true});
        }
    }

    // At most two chains: one more than there may be.
    std::vector<std::vector<ChainLink>> chains(const std::string& start, const std::string& goal) {
        helpful_ = leading_to(goal);
        found_.clear();
        way_.clear();
        std::set<std::string> passed;
        follow(start, goal, passed);
        return found_;
    }

    bool near(const std::string& start, const std::string& goal) const {
        return std::ranges::any_of(links_, [&](const ChainLink& link) {
            // Of a module that is new, only what begins with nothing.
            if (start.empty()) return from(link).empty();
            if (from(link) == start) return true;
            if (start > goal) return to(link) == start && from(link) < start;
            return from(link) > start && from(link) < to(link) && to(link) <= goal;
        });
    }

    bool circle(const std::string& start) const {
        std::map<std::string, bool> passed;
        return circle_below(start, passed);
    }

private:
    static const std::string& from(const ChainLink& link) {
        return link.reversed ? link.file->to : link.file->from;
    }
    static const std::string& to(const ChainLink& link) {
        return link.reversed ? link.file->from : link.file->to;
    }

    std::set<std::string> leading_to(const std::string& goal) const {
        std::set<std::string> helpful{goal};
        for (bool more = true; more;) {
            more = false;
            for (const auto& link : links_)
                if (helpful.contains(to(link))) more |= helpful.insert(from(link)).second;
        }
        return helpful;
    }

    void follow(const std::string& here, const std::string& goal, std::set<std::string>& passed) {
        if (here == goal) {
            found_.push_back(way_);
            return;
        }
        passed.insert(here);
        for (const auto& link : links_) {
            if (found_.size() > 1) break;
            const auto& next = to(link);
            if (from(link) != here || passed.contains(next) || !helpful_.contains(next)) continue;
            way_.push_back(link);
            follow(next, goal, passed);
            way_.pop_back();
        }
        passed.erase(here);
    }

    // `passed`: what was looked at; true while it is on the way here.
    bool circle_below(const std::string& here, std::map<std::string, bool>& passed) const {
        const auto [known, is_new] = passed.emplace(here, true);
        if (!is_new) return known->second;
        const bool found = std::ranges::any_of(links_, [&](const ChainLink& link) {
            return from(link) == here && circle_below(to(link), passed);
        });
        known->second = found;
        return found;
    }

    std::vector<ChainLink> links_;
    std::set<std::string> helpful_;
    std::vector<ChainLink> way_;
    std::vector<std::vector<ChainLink>> found_;
};

std::string told(const std::vector<ChainLink>& chain, const std::string& start) {
    auto text = shown(start);
    for (const auto& link : chain)
        text += ", " + shown(link.reversed ? link.file->from : link.file->to);
    return text;
}

}  // namespace

Result<MigrationFile> migration_file(std::string_view path, std::string text) {
    const auto wrong = [&] {
        return fail(errors::config_migration,
                    "\"{}\" is not named as <module>/<from>-to-<to>.json, with revisions such as "
                    "2026-01-31",
                    path);
    };
    const auto slash = path.find('/');
    if (slash == std::string_view::npos || slash == 0 || path.find('/', slash + 1) != path.npos)
        return wrong();
    auto name = path.substr(slash + 1);
    // The ending of a script is its author's matter.
    const auto dot = name.find('.');
    const auto ending = dot == std::string_view::npos ? std::string_view() : name.substr(dot);
    name.remove_suffix(ending.size());
    const auto middle = name.find("-to-");
    if (middle == std::string_view::npos) return wrong();
    MigrationFile file{.module = std::string(path.substr(0, slash)),
                       .from = std::string(name.substr(0, middle)),
                       .to = std::string(name.substr(middle + 4)),
                       .script = ending != ".json",
                       .text = std::move(text)};
    if (file.from == "none") file.from.clear();
    if (file.to == "none") file.to.clear();
    if (!is_revision(file.from) || !is_revision(file.to) || file.from == file.to) return wrong();
    return file;
}

Result<std::vector<ChainLink>> find_chain(const std::vector<MigrationFile>& files,
                                          const std::string& module, const std::string& from,
                                          const std::string& to) {
    Arrows arrows(files, module);
    if (from == to) return std::vector<ChainLink>();
    auto chains = arrows.chains(from, to);
    const bool near = chains.empty() && arrows.near(from, to);
    const bool circle = near && arrows.circle(from);
    if (chains.empty()) {
        arrows.add_reversed();
        chains = arrows.chains(from, to);
    }
    if (chains.size() > 1)
        return fail(errors::config_migration,
                    "two chains of migrations lead {} from {} to {}: {} and {}", module,
                    shown(from), shown(to), told(chains[0], from), told(chains[1], from));
    if (chains.size() == 1) return std::move(chains.front());
    if (circle)
        return fail(errors::config_migration,
                    "the migrations of {} go in a circle from {}, and not to {}", module,
                    shown(from), shown(to));
    if (near)
        return fail(errors::config_migration,
                    "the migrations of {} do not lead from {} to {}: one without steps bridges "
                    "revisions between which the data stay as they are",
                    module, shown(from), shown(to));
    return std::vector<ChainLink>();
}

}  // namespace cutover
