#include "config/yang_schema.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <libyang/libyang.h>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "config/errors.h"
#include "config/references.h"
#include "config/yang.h"
#include "model/configuration.h"

namespace cutover {
namespace {

constexpr std::size_t kMaxModules = 2000;
constexpr std::size_t kMaxModuleBytes = std::size_t{8} * 1024 * 1024;

struct Source {
    std::string name;
    bool submodule = false;
    const std::string* text = nullptr;
};

// By the names that the texts begin with; what is wrong with the rest, libyang says.
using Sources = std::map<std::string, Source, std::less<>>;

// Past white space and comments.
std::string_view skip_space(std::string_view text) {
    for (;;) {
        text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
        const bool line = text.starts_with("//");
        if (!line && !text.starts_with("/*")) return text;
        const std::string_view end = line ? "\n" : "*/";
        const auto at = text.find(end, 2);
        text.remove_prefix(at == std::string_view::npos ? text.size() : at + end.size());
    }
}

// A word, in quotes or not; taken away from the text.
std::string_view take_word(std::string_view& text) {
    text = skip_space(text);
    const bool quoted = text.starts_with('"') || text.starts_with('\'');
    const auto stop = quoted ? std::string_view(text).substr(0, 1) : std::string_view(" \t\r\n{;");
    if (quoted) text.remove_prefix(1);
    const auto end = std::min(text.find_first_of(stop), text.size());
    const auto word = text.substr(0, end);
    text.remove_prefix(std::min(end + (quoted ? 1 : 0), text.size()));
    return word;
}

std::optional<Source> source_of(const std::string& module) {
    std::string_view rest = module;
    const auto keyword = take_word(rest);
    if (keyword != "module" && keyword != "submodule") return std::nullopt;
    const auto name = take_word(rest);
    if (name.empty()) return std::nullopt;
    return Source{.name = std::string(name), .submodule = keyword == "submodule", .text = &module};
}

Result<Sources> sources_of(const std::vector<std::string>& modules) {
    if (modules.size() > kMaxModules)
        return fail(errors::config_module, "there are more than {} modules", kMaxModules);
    Sources sources;
    for (const auto& module : modules) {
        if (module.size() > kMaxModuleBytes || module.contains('\0'))
            return fail(errors::config_module, "a module is text of at most {} bytes",
                        kMaxModuleBytes);
        const auto source = source_of(module);
        if (!source)
            return fail(errors::config_module, "\"{}\" is not how a module begins",
                        module.substr(0, std::min<std::size_t>(module.find('\n'), 40)));
        if (!sources.emplace(source->name, *source).second)
            return fail(errors::config_module, "there are two modules {}", source->name);
    }
    return sources;
}

// What libyang asks for when a module imports or includes another.
LY_ERR find_module(const char* name, const char* /*revision*/, const char* submodule,
                   const char* /*submodule_revision*/, void* sources, LYS_INFORMAT* format,
                   const char** text, void (**release)(void*, void*)) {
    const auto& known = *static_cast<const Sources*>(sources);
    const auto found = known.find(submodule ? submodule : name);
    if (found == known.end()) return LY_ENOTFOUND;
    *format = LYS_IN_YANG;
    *text = found->second.text->c_str();
    *release = nullptr;
    return LY_SUCCESS;
}

std::vector<YangModuleName> names_of(const Sources& sources, const ly_ctx* context) {
    std::vector<YangModuleName> names;
    for (const auto& [name, source] : sources) {
        if (source.submodule) continue;
        const auto* const module = ly_ctx_get_module_implemented(context, name.c_str());
        if (module)
            names.push_back({.name = name, .revision = module->revision ? module->revision : ""});
    }
    return names;
}

}  // namespace

YangSchema::YangSchema(std::shared_ptr<ly_ctx> context,
                       std::shared_ptr<const References> references,
                       std::vector<YangModuleName> modules)
    : context_(std::move(context)),
      references_(std::move(references)),
      modules_(std::move(modules)) {}

Result<YangSchema> YangSchema::compile(const std::vector<std::string>& modules) {
    auto sources = TRY(sources_of(modules));
    const auto context = yang::make_context();
    if (!context) return fail(errors::config_module, "libyang does not start");
    ly_ctx_set_module_imp_clb(context.get(), find_module, &sources);
    std::array<const char*, 2> all_features{"*", nullptr};
    for (const auto& [name, source] : sources) {
        if (source.submodule) continue;
        // One that another has imported is there already, and is made one that holds data.
        if (!ly_ctx_load_module(context.get(), name.c_str(), nullptr, all_features.data()))
            return fail(errors::config_module, "{}: {}", name, yang::last_errors(context.get()));
    }
    ly_ctx_set_module_imp_clb(context.get(), nullptr, nullptr);
    auto names = names_of(sources, context.get());
    return YangSchema(context, std::make_shared<const References>(context.get()), std::move(names));
}

}  // namespace cutover
