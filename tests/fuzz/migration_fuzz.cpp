// Migrations come with packages, which are signed, but the data that they work on do not. Whatever
// both are: there and back ends in data or in an error, in time that grows with their size.
//
// A line "----" separates the migration from the data.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "config/config_document.h"
#include "config/data_upgrade.h"
#include "config/yang_schema.h"

namespace {

const cutover::YangSchema& schema(const char* revision) {
    const auto compile = [](const std::string& made) {
        return cutover::YangSchema::compile({"module net { yang-version 1.1; namespace \"urn:n\"; "
                                             "prefix n; revision " +
                                             made + R"(; container net {
                list port { key "name"; leaf name { type string; } leaf rate { type uint16; }
                  leaf speed { type uint16; }
                  leaf peer { type leafref { path "../../port/name"; } } }
                leaf-list dns { type string; ordered-by user; }
                leaf a { type string; } leaf b { type int8; } anydata more; } })"})
            .value();
    };
    static const auto older = compile("2025-01-01");
    static const auto newer = compile("2026-01-01");
    return std::string_view(revision) == "old" ? older : newer;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(bytes), size);
    constexpr std::string_view kBetween = "\n----\n";
    const auto middle = text.find(kBetween);
    if (middle == std::string_view::npos) return 0;
    const auto file = text.substr(0, middle);
    const auto data = text.substr(middle + kBetween.size());

    if (auto document = cutover::ConfigDocument::parse(data)) {
        // What is written is read again, and written alike.
        const auto written = document->write();
        const auto again = cutover::ConfigDocument::parse(written);
        CUTOVER_CHECK(again && again->write() == written);
    }
    const cutover::MigrationFile migration{
        .module = "net", .from = "2025-01-01", .to = "2026-01-01", .text = std::string(file)};
    const auto done = cutover::upgrade_data(
        {.from = schema("old"), .data = data, .to = schema("new"), .migrations = {migration}});
    if (!done) {
        CUTOVER_CHECK(!done.error().message.empty());
        return 0;
    }
    const auto back = cutover::carry_back({.old_schema = schema("old"),
                                           .old_then = data,
                                           .new_schema = schema("new"),
                                           .new_then = R"({"net:net":{}})",
                                           .new_now = done->data,
                                           .migrations = {migration}});
    CUTOVER_CHECK(back || !back.error().message.empty());
    return 0;
}
