#include "config/config_document.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "config/errors.h"
#include "model/configuration.h"

namespace cutover {

struct ConfigDocument::Texts {
    static constexpr std::size_t kChunk = std::size_t{256} * 1024;

    std::string_view keep(std::string_view text) {
        if (text.empty()) return {};
        if (text.size() > left) {
            const auto size = std::max(kChunk, text.size());
            chunks.push_back(std::make_unique_for_overwrite<char[]>(size));
            at = chunks.back().get();
            left = size;
        }
        std::memcpy(at, text.data(), text.size());
        const std::string_view kept(at, text.size());
        at += text.size();
        left -= text.size();
        return kept;
    }

    NameId number(std::string_view name) {
        const auto found = numbers.find(name);
        if (found != numbers.end()) return found->second;
        const auto kept = keep(name);
        names.push_back(kept);
        const auto id = static_cast<NameId>(names.size() - 1);
        numbers.emplace(kept, id);
        return id;
    }

    std::vector<std::unique_ptr<char[]>> chunks;  // NOLINT(*-avoid-c-arrays): raw room for texts
    char* at = nullptr;
    std::size_t left = 0;
    std::vector<std::string_view> names{""};
    std::unordered_map<std::string_view, NameId> numbers;
};

// What nlohmann's parser reads, which does not recurse: depth costs it nothing but our bound.
class DocumentBuilder {
public:
    using Json = nlohmann::json;
    using Kind = ConfigDocument::Kind;
    using NodeId = ConfigDocument::NodeId;
    using NameId = ConfigDocument::NameId;

    explicit DocumentBuilder(ConfigDocument& document) : document_(&document) {}

    bool null() { return value(Kind::literal, "null"); }
    bool boolean(bool is_true) { return value(Kind::literal, is_true ? "true" : "false"); }
    bool number_integer(Json::number_integer_t number) {
        return value(Kind::literal, fmt::to_string(number));
    }
    bool number_unsigned(Json::number_unsigned_t number) {
        return value(Kind::literal, fmt::to_string(number));
    }
    bool number_float(Json::number_float_t /*number*/, const std::string& written) {
        return value(Kind::literal, written);
    }
    bool string(const std::string& text) { return value(Kind::text, text); }
    bool binary(const Json::binary_t& /*value*/) { return refuse("binary data"); }

    bool start_object(std::size_t /*size*/) { return open(Kind::object); }
    bool key(const std::string& written) {
        const auto colon = written.find(':');
        if (written.empty() || colon == 0 || colon + 1 == written.size() ||
            colon != written.rfind(':'))
            return refuse(fmt::format("\"{}\" is no name", written));
        // A name without module has that of the object around it.
        if (colon != std::string::npos) {
            name_ = document_->name(written);
        } else {
            const auto module = document_->module_of(module_name_.back());
            name_ =
                document_->name(module.empty() ? written : fmt::format("{}:{}", module, written));
        }
        if (seen_in_.size() <= name_) seen_in_.resize(name_ + std::size_t{1});
        if (std::exchange(seen_in_[name_], path_.back()) == path_.back())
            return refuse(fmt::format("\"{}\" is there twice", written));
        return true;
    }
    bool end_object() { return close(); }
    bool start_array(std::size_t /*size*/) { return open(Kind::array); }
    bool end_array() { return close(); }
    bool parse_error(std::size_t at, const std::string& /*token*/,
                     const nlohmann::detail::exception& /*what*/) {
        return refuse(fmt::format("no JSON at byte {}", at));
    }

    const std::string& problem() const { return problem_; }

private:
    bool refuse(std::string why) {
        problem_ = std::move(why);
        return false;
    }

    bool value(Kind kind, std::string_view text) {
        if (path_.empty()) return refuse("it is no JSON object");
        if (text.size() > UINT32_MAX) return refuse("a value is too long");
        document_->add(path_.back(), take_name(), kind, text);
        return true;
    }

    bool open(Kind kind) {
        if (path_.size() >= ConfigDocument::kMaxDepth) return refuse("it is too deep");
        if (path_.empty()) {
            if (kind != Kind::object) return refuse("it is no JSON object");
            path_.push_back(ConfigDocument::kRoot);
            module_name_.push_back(0);
            return true;
        }
        const auto name = take_name();
        path_.push_back(document_->add(path_.back(), name, kind));
        module_name_.push_back(name != 0 ? name : module_name_.back());
        return true;
    }

    bool close() {
        path_.pop_back();
        module_name_.pop_back();
        return true;
    }

    NameId take_name() { return std::exchange(name_, 0); }

    ConfigDocument* document_;
    std::vector<NodeId> path_;
    std::vector<NameId> module_name_;  // beside path_: the name around it, which tells the module
    std::vector<NodeId> seen_in_;      // by name: the last object that it was in
    NameId name_ = 0;
    std::string problem_;
};

namespace {

void write_text(std::string& out, std::string_view text) {
    out += '"';
    for (const char c : text) {
        switch (c) {
            case '"': out += "\\\""; break;
            case '\\': out += "\\\\"; break;
            case '\n': out += "\\n"; break;
            case '\r': out += "\\r"; break;
            case '\t': out += "\\t"; break;
            default:
                if (static_cast<unsigned char>(c) < 0x20)
                    fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
                else
                    out += c;
        }
    }
    out += '"';
}

// As deep as the document, which is bounded.
void write_node(const ConfigDocument& document, ConfigDocument::NodeId id, std::string_view module,
                std::string& out) {
    using Kind = ConfigDocument::Kind;
    const auto& node = document.at(id);
    switch (node.kind) {
        case Kind::text: write_text(out, document.text(id)); return;
        case Kind::literal: out += document.text(id); return;
        case Kind::object:
        case Kind::array: break;
    }
    const bool object = node.kind == Kind::object;
    out += object ? '{' : '[';
    for (auto child = node.first; child != 0; child = document.at(child).next) {
        auto inner = module;
        if (object) {
            const auto name = document.at(child).name;
            inner = document.module_of(name);
            write_text(out, inner == module ? document.local_of(name) : document.name_text(name));
            out += ':';
        }
        write_node(document, child, inner, out);
        if (document.at(child).next != 0) out += ',';
    }
    out += object ? '}' : ']';
}

}  // namespace

ConfigDocument::ConfigDocument() : texts_(std::make_shared<Texts>()), nodes_(2) {}

Result<ConfigDocument> ConfigDocument::parse(std::string_view json) {
    return ConfigDocument().parse_beside(json);
}

Result<ConfigDocument> ConfigDocument::parse_beside(std::string_view json) const {
    if (json.size() > kMaxConfigBytes)
        return fail(errors::config_unreadable, "a configuration is text of at most {} bytes",
                    kMaxConfigBytes);
    auto document = empty_beside();
    DocumentBuilder builder(document);
    if (!nlohmann::json::sax_parse(json, &builder))
        return fail(errors::config_unreadable, "the configuration's JSON: {}", builder.problem());
    return document;
}

ConfigDocument ConfigDocument::empty_beside() const {
    ConfigDocument document;
    document.texts_ = texts_;
    return document;
}

ConfigDocument ConfigDocument::copy() const {
    auto other = *this;
    for (NodeId node = 0; node < other.nodes_.size(); ++node) other.nodes_[node].origin = node;
    return other;
}

std::string ConfigDocument::write() const { return write(kRoot); }

std::string ConfigDocument::write(NodeId node) const {
    std::string out;
    write_node(*this, node, module_of(at(node).name), out);
    return out;
}

bool ConfigDocument::is_null(NodeId node) const {
    const auto& it = at(node);
    if (it.kind == Kind::array) return it.first != 0 && it.first == it.last && is_null(it.first);
    return it.kind == Kind::literal && text(node) == "null";
}

bool ConfigDocument::is_term(NodeId node) const {
    const auto kind = at(node).kind;
    return kind == Kind::text || kind == Kind::literal || is_null(node);
}

ConfigDocument::NameId ConfigDocument::name(std::string_view qualified) {
    return texts_->number(qualified);
}

std::string_view ConfigDocument::name_text(NameId name) const { return texts_->names[name]; }

std::string_view ConfigDocument::module_of(NameId name) const {
    const auto text = name_text(name);
    const auto colon = text.find(':');
    return colon == std::string_view::npos ? std::string_view() : text.substr(0, colon);
}

std::string_view ConfigDocument::local_of(NameId name) const {
    const auto text = name_text(name);
    const auto colon = text.find(':');
    return colon == std::string_view::npos ? text : text.substr(colon + 1);
}

ConfigDocument::NodeId ConfigDocument::member(NodeId object, NameId name) const {
    if (at(object).kind != Kind::object) return 0;
    auto node = at(object).first;
    while (node != 0 && at(node).name != name) node = at(node).next;
    return node;
}

ConfigDocument::NodeId ConfigDocument::add(NodeId parent, NameId name, Kind kind,
                                           std::string_view text) {
    const auto id = static_cast<NodeId>(nodes_.size());
    nodes_.push_back({.name = name, .kind = kind});
    set(id, kind, text);
    append(parent, id);
    return id;
}

ConfigDocument::NodeId ConfigDocument::add_copy(NodeId parent, NameId name,
                                                const ConfigDocument& from, NodeId node) {
    const auto made = add(parent, name, from.at(node).kind, from.text(node));
    for (auto child = from.at(node).first; child != 0; child = from.at(child).next) {
        const auto own = from.at(child).name;
        add_copy(made, own == 0 ? 0 : this->name(from.name_text(own)), from, child);
    }
    return made;
}

void ConfigDocument::set(NodeId node, Kind kind, std::string_view text) {
    const auto kept = texts_->keep(text);
    nodes_[node].kind = kind;
    nodes_[node].text = kept.data();
    nodes_[node].size = static_cast<std::uint32_t>(kept.size());
}

void ConfigDocument::move(NodeId node, NodeId parent, NameId name) {
    unlink(node);
    nodes_[node].name = name;
    append(parent, node);
}

void ConfigDocument::unlink(NodeId node) {
    const auto parent = at(node).parent;
    if (parent == 0) return;
    NodeId before = 0;
    for (auto child = at(parent).first; child != node; child = at(child).next) before = child;
    cut(parent, before, node);
}

void ConfigDocument::cut(NodeId parent, NodeId before, NodeId node) {
    const auto next = at(node).next;
    if (before == 0)
        nodes_[parent].first = next;
    else
        nodes_[before].next = next;
    if (at(parent).last == node) nodes_[parent].last = before;
    nodes_[node].next = 0;
    nodes_[node].parent = 0;
}

void ConfigDocument::append(NodeId parent, NodeId node) {
    nodes_[node].parent = parent;
    nodes_[node].next = 0;
    if (at(parent).last == 0)
        nodes_[parent].first = node;
    else
        nodes_[at(parent).last].next = node;
    nodes_[parent].last = node;
}

}  // namespace cutover
