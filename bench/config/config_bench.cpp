// Measures the upgrade of configuration data: so many interfaces of a network device, each with
// eight leaves, are taken to the next revision of their module, with a rename, a split, a map, a
// default and a remove; then all rules are looked at, among them two references, a condition, a
// must and a unique for each interface. The other cases: a value that the new module does not take
// in each hundredth interface, which is found in a second pass; the module is gone, and all is
// lost; and, after the upgrade, a change of each interface is carried back.
//
//     config_bench [ENTRIES...]
//
// Each row is a process of its own, so that its peak of memory (all of the process: program,
// modules, the data before, after and between, and the report) is its own. Seconds are the median
// of three, by the clock and of the processor.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "base/unique_fd.h"
#include "config/data_upgrade.h"
#include "config/yang_schema.h"

namespace cutover {
namespace {

constexpr std::string_view kOldModule = R"(module net {
  yang-version 1.1; namespace "urn:net"; prefix n; revision 2025-01-01;
  container net {
    list vlan { key id; leaf id { type uint16 { range "1..4094"; } } leaf name { type string; } }
    list port {
      key name;
      leaf name { type string { pattern 'e[0-9]+'; } }
      leaf alias { type string; }
      leaf rate { type uint32; }
      leaf ip { type string; }
      leaf mode { type string; }
      leaf vlan { type leafref { path "../../vlan/id"; } }
      leaf uplink { type leafref { path "../../port/name"; } }
      leaf polling { type boolean; }
    }
  }
})";

constexpr std::string_view kNewModule = R"(module net {
  yang-version 1.1; namespace "urn:net"; prefix n;
  import ietf-inet-types { prefix inet; }
  revision 2026-01-01;
  container net {
    list vlan { key id; leaf id { type uint16 { range "1..4094"; } } leaf name { type string; } }
    list port {
      key name; unique "address";
      must "not(uplink) or uplink != name";
      leaf name { type string { pattern 'e[0-9]+'; } }
      leaf alias { type string { length "1..64"; } }
      leaf speed { type uint32 { range "1..400000"; } }
      leaf address { type inet:ipv4-address; }
      leaf prefix-length { type uint8 { range "0..32"; } when "../address"; }
      leaf duplex { type enumeration { enum full; enum half; } }
      leaf vlan { type leafref { path "../../vlan/id"; } }
      leaf uplink { type leafref { path "../../port/name"; } }
      leaf mtu { type uint16; }
    }
  }
})";

constexpr std::string_view kMigration = R"({
  "module": "net", "from": "2025-01-01", "to": "2026-01-01",
  "steps": [
    {"rename": "/net:net/port/rate", "to": "speed"},
    {"split": "/net:net/port/ip", "separator": "/", "into": ["address", "prefix-length"]},
    {"rename": "/net:net/port/mode", "to": "duplex"},
    {"map": "/net:net/port/duplex", "values": [["fdx", "full"], ["hdx", "half"]]},
    {"default": "/net:net/port/mtu", "value": 1500},
    {"remove": "/net:net/port/polling"}
  ]})";

std::string configuration(std::size_t entries, std::string_view hundredth) {
    std::string json = R"({"net:net":{"vlan":[)";
    constexpr std::size_t kVlans = 4094;
    for (std::size_t i = 1; i <= kVlans; ++i)
        json += fmt::format(R"({}{{"id":{},"name":"vlan {}"}})", i > 1 ? "," : "", i, i);
    json += R"(],"port":[)";
    for (std::size_t i = 0; i < entries; ++i)
        json +=
            fmt::format(R"({}{{"name":"e{}","alias":"customer {}","rate":{},"ip":"10.{}.{}.{}/24",)"
                        R"("mode":"{}","vlan":{},"uplink":"e{}","polling":true}})",
                        i > 0 ? "," : "", i, i, 1000 + i % 9000, i / 65536, i / 256 % 256, i % 256,
                        i % 100 == 0 ? hundredth
                        : i % 2 == 0 ? "fdx"
                                     : "hdx",
                        i % kVlans + 1, i == 0 ? 1 : i / 2);
    return json + "]}}";
}

enum class Case : std::uint8_t { upgrade, second_pass, gone, back };

constexpr std::array kCases{
    std::pair(Case::upgrade, "upgrade"), std::pair(Case::second_pass, "a value in 100 not taken"),
    std::pair(Case::gone, "the module is gone"), std::pair(Case::back, "carried back")};

struct Measured {
    double seconds = 0;
    double processor = 0;
    double bytes = 0;
};

using Run = std::function<Result<bool>()>;  // says whether it went as it should

Result<Run> prepare(Case what, std::string_view data) {
    const auto from = TRY(YangSchema::compile({std::string(kOldModule)}));
    std::vector<std::string> modules;
    if (what != Case::gone) modules.emplace_back(kNewModule);
    const auto to = TRY(YangSchema::compile(modules));
    auto file = TRY(migration_file("net/2025-01-01-to-2026-01-01.json", std::string(kMigration)));
    const std::vector files{std::move(file)};
    const auto upgrade = [=] {
        return upgrade_data({.from = from, .data = data, .to = to, .migrations = files});
    };
    if (what != Case::back)
        return Run([=]() -> Result<bool> {
            const auto done = TRY(upgrade());
            return done.usable() && done.lost.empty() == (what == Case::upgrade);
        });
    const auto then = TRY(upgrade()).data;
    auto now = then;
    for (auto at = now.find("customer"); at != std::string::npos; at = now.find("customer", at))
        now.replace(at, 8, "CUSTOMER");
    return Run([=]() -> Result<bool> {
        const auto done = TRY(carry_back({.old_schema = from,
                                          .old_then = data,
                                          .new_schema = to,
                                          .new_then = then,
                                          .new_now = now,
                                          .migrations = files}));
        return done.usable() && done.not_carried.empty() && !done.carried.empty();
    });
}

Result<Measured> measure(Case what, std::size_t entries) {
    const auto data = configuration(entries, what == Case::second_pass ? "auto" : "fdx");
    const auto run = TRY(prepare(what, data));
    std::array<double, 3> seconds{};
    std::array<double, 3> processor{};
    for (std::size_t i = 0; i < seconds.size(); ++i) {
        const auto began = std::chrono::steady_clock::now();
        const auto processor_began = std::clock();
        if (!TRY(run())) return fail(Errc::invalid, "it is not what it should be");
        const auto ended = std::chrono::steady_clock::now();
        seconds[i] = std::chrono::duration<double>(ended - began).count();
        processor[i] = static_cast<double>(std::clock() - processor_began) / CLOCKS_PER_SEC;
    }
    std::ranges::sort(seconds);
    std::ranges::sort(processor);
    return Measured{.seconds = seconds[1],
                    .processor = processor[1],
                    .bytes = static_cast<double>(data.size())};
}

// A row of the table, from a process of its own.
bool print_row(Case what, std::string_view name, std::size_t entries) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) return false;
    const UniqueFd reading(ends[0]);
    UniqueFd writing(ends[1]);
    const auto child = ::fork();
    if (child == 0) {
        const auto measured = measure(what, entries);
        if (!measured) fmt::print(stderr, "{}\n", measured.error().text());
        const bool told = measured && ::write(writing.get(), &*measured, sizeof(Measured)) ==
                                          static_cast<ssize_t>(sizeof(Measured));
        std::_Exit(told ? 0 : 1);
    }
    writing.reset();
    Measured measured;
    const auto got = ::read(reading.get(), &measured, sizeof(measured));
    rusage usage{};
    int status = 0;
    if (child < 0 || ::wait4(child, &status, 0, &usage) != child || status != 0 ||
        got != static_cast<ssize_t>(sizeof(measured)))
        return false;
    constexpr double kMiB = 1024 * 1024;
    fmt::print("| {} | {} | {:.1f} | {:.2f} | {:.2f} | {:.1f} | {:.0f} |\n", name, entries,
               measured.bytes / kMiB, measured.seconds, measured.processor,
               measured.processor * 1e6 / static_cast<double>(entries),
               static_cast<double>(usage.ru_maxrss) * 1024 / kMiB);
    static_cast<void>(std::fflush(stdout));
    return true;
}

}  // namespace
}  // namespace cutover

int main(int count, char** arguments) {
    std::vector<std::size_t> sizes;
    for (int i = 1; i < count; ++i) sizes.push_back(std::strtoul(arguments[i], nullptr, 10));
    if (sizes.empty()) sizes = {1'000, 10'000, 100'000};
    fmt::print(
        "| case | entries | JSON, MiB | seconds | of the processor | µs an entry | "
        "peak memory, MiB |\n|---|---:|---:|---:|---:|---:|---:|\n");
    static_cast<void>(std::fflush(stdout));
    for (const auto& [what, name] : cutover::kCases)
        for (const auto entries : sizes)
            if (!cutover::print_row(what, name, entries)) return 1;
    return 0;
}
