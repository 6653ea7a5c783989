#include "config/yang.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <libyang/libyang.h>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cutover::yang {
namespace {

constexpr std::size_t kMostTold = 5;  // one mistake in a module makes a message a level

// `Data location "/net:net", line number 3.`: a value in the path may have quotes itself.
std::string quoted_after(std::string_view text, std::string_view what) {
    if (!text.starts_with(what)) return {};
    text.remove_prefix(what.size());
    const auto end = text.rfind('"');
    if (!text.starts_with('"') || end == 0) return {};
    return std::string(text.substr(1, end - 1));
}

}  // namespace

void FreeText::operator()(char* text) const {
    std::free(text);  // NOLINT(cppcoreguidelines-no-malloc): libyang's
}

Context make_context() {
    // Otherwise it writes to our standard error.
    static std::once_flag once;
    // Warnings would be kept as well, of data that are good, and nobody would take them.
    std::call_once(once, [] {
        ly_log_options(LY_LOSTORE);
        ly_log_level(LY_LLERR);
    });
    ly_ctx* context = nullptr;
    constexpr std::uint16_t kOptions = LY_CTX_NO_YANGLIBRARY | LY_CTX_DISABLE_SEARCHDIRS;
    if (ly_ctx_new(nullptr, kOptions, &context) != LY_SUCCESS) return nullptr;
    return {context, FreeContext{}};
}

std::vector<Complaint> take_complaints(const ly_ctx* context) {
    std::vector<Complaint> complaints;
    for (const auto* item = ly_err_first(context); item; item = item->next) {
        if (item->level != LY_LLERR || !item->msg) continue;
        std::string_view message = item->msg;
        while (message.ends_with('.')) message.remove_suffix(1);
        Complaint complaint{.message = std::string(message)};
        const std::string_view where = item->path ? item->path : "";
        complaint.data_path = quoted_after(where, "Data location ");
        complaint.schema_path = quoted_after(where, "Schema location ");
        // Where libyang gives but a path.
        if (where.starts_with('/')) complaint.data_path = where;
        complaints.push_back(std::move(complaint));
    }
    forget_errors(context);
    return complaints;
}

void forget_errors(const ly_ctx* context) {
    ly_err_clean(const_cast<ly_ctx*>(context), nullptr);  // NOLINT: its errors are not its modules
}

std::string last_errors(const ly_ctx* context) {
    std::string text;
    auto complaints = take_complaints(context);
    if (complaints.size() > kMostTold) complaints.resize(kMostTold);
    for (const auto& [message, data_path, schema_path] : complaints) {
        if (!text.empty()) text += "; ";
        text += message;
        const auto& path = data_path.empty() ? schema_path : data_path;
        if (!path.empty()) text.append(" (").append(path).append(")");
    }
    return text.empty() ? "libyang gives no reason" : text;
}

}  // namespace cutover::yang
