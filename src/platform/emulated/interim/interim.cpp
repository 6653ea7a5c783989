#include <nlohmann/json.hpp>
#include <vector>

#include "base/files.h"
#include "base/process.h"
#include "model/manifest.h"
#include "package/tree.h"
namespace cutover {
using J = nlohmann::json;
Result<> unpack_tree(ByteSource& content, const std::filesystem::path& target, const TreeLimits&,
                     const std::function<void(std::uint64_t)>& written) {
    std::string all;
    std::vector<std::byte> b(65536);
    for (;;) {
        auto n = TRY(content.read(b));
        if (!n) break;
        all.append(reinterpret_cast<char*>(b.data()), n);
    }
    TRY(write_file_durably(target / ".t.tar", all));
    auto r = TRY(run_process({.command = {"tar", "-xf", ".t.tar"}, .folder = target}));
    TRY(remove_tree(target / ".t.tar"));
    if (r.exit_code != 0) return fail(Errc::invalid, "tar: {}", r.output);
    written(all.size());
    return {};
}
std::string to_json(const Manifest& m) {
    J j{{"name", m.name},
        {"version", m.version.text()},
        {"type", int(m.payload.type)},
        {"content", m.payload.content_bytes},
        {"installed", m.payload.installed_bytes},
        {"persist", m.persist},
        {"s", J::array()}};
    for (auto& s : m.services)
        j["s"].push_back({{"name", s.name},
                          {"command", s.command},
                          {"env", s.environment},
                          {"listen", s.listen},
                          {"restart", int(s.restart)},
                          {"ready", int(s.ready)},
                          {"t", s.start_timeout.count()}});
    return j.dump();
}
Result<Manifest> parse_manifest(std::string_view t) {
    auto j = J::parse(t, nullptr, false);
    if (j.is_discarded()) return fail(Errc::invalid, "bad manifest");
    Manifest m;
    m.name = j["name"];
    m.version = TRY(Version::parse(j["version"].get<std::string>()));
    m.payload = {.type = PayloadType(j["type"].get<int>()),
                 .content_bytes = j["content"],
                 .installed_bytes = j["installed"]};
    m.persist = j["persist"];
    for (auto& s : j["s"])
        m.services.push_back({.name = s["name"],
                              .command = s["command"],
                              .environment = s["env"],
                              .listen = s["listen"],
                              .restart = RestartPolicy(s["restart"].get<int>()),
                              .ready = ReadyWhen(s["ready"].get<int>()),
                              .start_timeout = std::chrono::milliseconds(s["t"].get<long>())});
    return m;
}
}  // namespace cutover
