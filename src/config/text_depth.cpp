#include "config/text_depth.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace cutover {
namespace {

// The tag that begins at `at`, which is a '<': where it ends, past quoted attributes.
std::size_t end_of_tag(std::string_view text, std::size_t at) {
    char quote = 0;
    for (; at < text.size(); ++at) {
        const char c = text[at];
        if (quote != 0) {
            if (c == quote) quote = 0;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '>') {
            return at;
        }
    }
    return text.size();
}

std::size_t past(std::string_view text, std::size_t at, std::string_view end) {
    const auto found = text.find(end, at);
    return found == std::string_view::npos ? text.size() : found + end.size();
}

}  // namespace

bool json_is_within(std::string_view text, std::size_t depth) {
    std::size_t open = 0;
    bool quoted = false;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char c = text[at];
        if (quoted) {
            if (c == '\\') ++at;
            if (c == '"') quoted = false;
            continue;
        }
        if (c == '"') quoted = true;
        if ((c == '{' || c == '[') && ++open > depth) return false;
        if ((c == '}' || c == ']') && open > 0) --open;
    }
    return true;
}

bool xml_is_within(std::string_view text, std::size_t depth) {
    std::size_t open = 0;
    for (auto at = text.find('<'); at < text.size(); at = text.find('<', at)) {
        const auto rest = text.substr(at);
        if (rest.starts_with("<!--")) {
            at = past(text, at + 4, "-->");
        } else if (rest.starts_with("<![CDATA[")) {
            at = past(text, at, "]]>");
        } else if (rest.starts_with("<?") || rest.starts_with("<!")) {
            at = past(text, at, ">");
        } else {
            const auto end = end_of_tag(text, at);
            const bool closes = rest.starts_with("</");
            const bool empty = end > 0 && end < text.size() && text[end - 1] == '/';
            if (closes && open > 0) --open;
            if (!closes && !empty && ++open > depth) return false;
            at = std::min(end + 1, text.size());
        }
    }
    return true;
}

}  // namespace cutover
