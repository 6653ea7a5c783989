#include <algorithm>
#include <cstddef>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/core.h>
#include <fmt/format.h>

#include "base/error.h"
#include "config/config_document.h"
#include "config/errors.h"
#include "config/migration.h"

namespace cutover {
namespace {

using Kind = ConfigDocument::Kind;
using NodeId = ConfigDocument::NodeId;
using NameId = ConfigDocument::NameId;
using Names = std::span<const NameId>;

std::unexpected<Error> occupied(const ConfigPath& what, const std::string& name) {
    return fail(errors::config_migration, "{}: {} is there already", to_string(what), name);
}

class Work {
public:
    explicit Work(ConfigDocument& data) : data_(data) {}

    Result<> operator()(const RenameStep& step) {
        const auto from = numbers(step.from);
        const auto to = data_.name(step.to);
        return each(ConfigDocument::kRoot, above(from), [&](NodeId parent) -> Result<> {
            const auto node = data_.member(parent, from.back());
            if (node == 0) return {};
            if (data_.member(parent, to) != 0) return occupied(step.from, step.to);
            data_.set_name(node, to);
            ++result_.changed;
            return {};
        });
    }

    // Within each entry of the lists that both paths go through.
    Result<> operator()(const MoveStep& step) {
        const auto from = numbers(step.from);
        const auto to = numbers(step.to);
        const auto shared = static_cast<std::size_t>(
            std::ranges::mismatch(above(from), above(to)).in1 - above(from).begin());
        const auto down = Names(to).subspan(shared);
        return each(ConfigDocument::kRoot, Names(from).first(shared), [&](NodeId top) -> Result<> {
            const auto node = TRY(taken(top, Names(from).subspan(shared), step));
            if (node == 0) return {};
            auto parent = top;
            for (const auto name : down.first(down.size() - 1)) {
                const auto next = data_.member(parent, name);
                parent = next != 0 ? next : data_.add(parent, name, Kind::object);
                if (data_.at(parent).kind != Kind::object) return through_list(step.to);
            }
            if (data_.member(parent, down.back()) != 0)
                return occupied(step.from, to_string(step.to));
            data_.move(node, parent, down.back());
            ++result_.changed;
            return {};
        });
    }

    Result<> operator()(const DefaultStep& step) {
        const auto at = numbers(step.at);
        // Names in the value have the module of what they are in.
        const auto document =
            TRY(data_.parse_beside(fmt::format("{{\"{}\":{}}}", step.at.back(), step.value)));
        const auto value = document.at(ConfigDocument::kRoot).first;
        return each(ConfigDocument::kRoot, above(at), [&](NodeId parent) -> Result<> {
            if (data_.member(parent, at.back()) != 0) return {};
            data_.add_copy(parent, at.back(), document, value);
            ++result_.changed;
            return {};
        });
    }

    Result<> operator()(const DropStep& step) {
        const auto at = numbers(step.at);
        const auto document =
            TRY(data_.parse_beside(fmt::format("{{\"{}\":{}}}", step.at.back(), step.value)));
        const auto value = document.at(ConfigDocument::kRoot).first;
        return each(ConfigDocument::kRoot, above(at), [&](NodeId parent) -> Result<> {
            const auto node = data_.member(parent, at.back());
            if (node == 0 || !same(node, document, value)) return {};
            result_.absorbed.push_back(data_.at(node).origin);
            data_.unlink(node);
            ++result_.changed;
            return {};
        });
    }

    Result<> operator()(const MapStep& step) {
        const auto at = numbers(step.at);
        return each(ConfigDocument::kRoot, above(at), [&](NodeId parent) -> Result<> {
            const auto node = data_.member(parent, at.back());
            if (node == 0) return {};
            if (data_.at(node).kind != Kind::array) {
                if (!mapped(step, node)) data_.unlink(node);
                return {};
            }
            data_.unlink_if(node, [&](NodeId entry) { return !mapped(step, entry); });
            return {};
        });
    }

    Result<> operator()(const SplitStep& step) {
        const auto from = numbers(step.from);
        const auto into = numbers(step.into);
        return each(ConfigDocument::kRoot, above(from), [&](NodeId parent) -> Result<> {
            const auto node = data_.member(parent, from.back());
            if (node == 0) return {};
            if (!data_.is_term(node))
                return fail(errors::config_migration, "{} is no text", to_string(step.from));
            data_.unlink(node);
            auto rest = data_.text(node);
            for (std::size_t i = 0; i < into.size(); ++i) {
                const bool last = i + 1 == into.size();
                const auto end = last ? std::string_view::npos : rest.find(step.separator);
                if (data_.member(parent, into[i]) != 0) return occupied(step.from, step.into[i]);
                const auto part = data_.add(parent, into[i], Kind::text, rest.substr(0, end));
                data_.set_origin(part, data_.at(node).origin);
                ++result_.changed;
                if (end == std::string_view::npos) break;
                rest.remove_prefix(end + step.separator.size());
            }
            return {};
        });
    }

    Result<> operator()(const MergeStep& step) {
        const auto at = numbers(step.at);
        const auto from = numbers(step.from);
        const auto into = data_.name(step.into);
        return each(ConfigDocument::kRoot, at, [&](NodeId parent) -> Result<> {
            std::vector<std::string_view> parts;
            NodeId origin = 0;
            for (const auto name : from) {
                const auto node = data_.member(parent, name);
                if (node == 0) continue;
                if (!data_.is_term(node))
                    return fail(errors::config_migration, "{} of {} is no text",
                                data_.name_text(name), to_string(step.at));
                parts.push_back(data_.text(node));
                if (origin == 0) origin = data_.at(node).origin;
                result_.absorbed.push_back(data_.at(node).origin);
                data_.unlink(node);
            }
            if (parts.empty()) return {};
            if (data_.member(parent, into) != 0) return occupied(step.at, step.into);
            const auto text = fmt::format("{}", fmt::join(parts, step.separator));
            data_.set_origin(data_.add(parent, into, Kind::text, text), origin);
            ++result_.changed;
            return {};
        });
    }

    Result<> operator()(const RemoveStep& step) {
        const auto at = numbers(step.at);
        return each(ConfigDocument::kRoot, above(at), [&](NodeId parent) -> Result<> {
            const auto node = data_.member(parent, at.back());
            if (node == 0) return {};
            data_.unlink(node);
            ++result_.changed;
            return {};
        });
    }

    MigrationResult take_result() { return std::move(result_); }

private:
    static Names above(const std::vector<NameId>& path) {
        return Names(path).first(path.size() - 1);
    }

    static std::unexpected<Error> through_list(const ConfigPath& path) {
        return fail(errors::config_migration, "{} leads through a list", to_string(path));
    }

    std::vector<NameId> numbers(const std::vector<std::string>& names) {
        std::vector<NameId> path;
        path.reserve(names.size());
        for (const auto& name : names) path.push_back(data_.name(name));
        return path;
    }

    // Calls `visit` for each object that the names lead to, through all entries of lists. As deep
    // as the document, which is bounded.
    template <typename Visit>
    Result<> each(NodeId node, Names names, const Visit& visit) {
        const auto kind = data_.at(node).kind;
        if (kind == Kind::array) {
            for (auto entry = data_.at(node).first; entry != 0; entry = data_.at(entry).next)
                TRY(each(entry, names, visit));
            return {};
        }
        if (kind != Kind::object) return {};
        if (names.empty()) return visit(node);
        const auto next = data_.member(node, names.front());
        return next == 0 ? Result<>() : each(next, names.subspan(1), visit);
    }

    // Where the names lead, out of its parent; 0 when nothing is there.
    Result<NodeId> taken(NodeId top, Names from, const MoveStep& step) {
        auto node = top;
        for (const auto name : from) {
            if (data_.at(node).kind != Kind::object) return through_list(step.from);
            node = data_.member(node, name);
            if (node == 0) return NodeId{0};
        }
        data_.unlink(node);
        return node;
    }

    // False: it is to be removed.
    bool mapped(const MapStep& step, NodeId node) {
        if (!data_.is_term(node)) return true;
        const auto text = data_.text(node);
        if (std::ranges::find(step.ambiguous, text) != step.ambiguous.end()) {
            result_.dropped.push_back({.origin = data_.at(node).origin,
                                       .why = fmt::format("several values became \"{}\"", text)});
            ++result_.changed;
            return false;
        }
        const auto found = std::ranges::find_if(
            step.values, [&](const auto& pair) { return pair.first.text == text; });
        if (found == step.values.end()) return true;
        const auto& to = found->second;
        data_.set(node, to.quoted ? Kind::text : Kind::literal, to.text);
        ++result_.changed;
        return true;
    }

    bool same(NodeId node, const ConfigDocument& other, NodeId value) const {
        if (data_.is_term(node))
            return other.is_term(value) && data_.text(node) == other.text(value);
        return data_.write(node) == other.write(value);
    }

    ConfigDocument& data_;
    MigrationResult result_;
};

}  // namespace

Result<MigrationResult> migrate(const Migration& migration, ConfigDocument& data) {
    Work work(data);
    for (std::size_t i = 0; i < migration.steps.size(); ++i) {
        const auto done = std::visit(work, migration.steps[i]);
        if (!done)
            return std::unexpected(
                Error(done.error())
                    .within(fmt::format("step {} from {} {} to {}", i + 1, migration.module,
                                        migration.from, migration.to)));
    }
    return work.take_result();
}

}  // namespace cutover
