// Measures the configuration's store: so many instances of a package, with four leaves each, move
// to its other major version, until none is left; and, where a list has so many entries, one value
// is set and committed, looked for in the difference, shown by its path and taken back.
//
//     store_bench [ENTRIES...]
//
// Each row is a process of its own, whose peak of memory has loading the configuration in it.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/unique_fd.h"
#include "config/config_store.h"
#include "crypto/digest.h"
#include "model/config_files.h"
#include "model/configuration.h"

namespace cutover {
namespace {

constexpr std::string_view kDev = R"(module dev {
  yang-version 1.1; namespace "urn:dev"; prefix d; revision 2025-01-01;
  container devices { list device {
    key name; leaf name { type string; } leaf driver { type string; } leaf address { type string; }
  } }
})";
constexpr std::string_view kOne = R"(module router-1 {
  yang-version 1.1; namespace "urn:router-1"; prefix r1; import dev { prefix d; }
  revision 2025-01-01;
  augment "/d:devices/d:device" { when "d:driver = 'router@1'";
    container bgp { leaf as { type uint32; } leaf neighbor { type string; } } }
})";
constexpr std::string_view kTwo = R"(module router-2 {
  yang-version 1.1; namespace "urn:router-2"; prefix r2; import dev { prefix d; }
  revision 2026-01-01;
  augment "/d:devices/d:device" { when "d:driver = 'router@2'";
    container routing { leaf as-number { type uint32; } leaf peer { type string; } } }
})";
constexpr std::string_view kMove = R"({"from": "router@1", "to": "router@2", "steps": [
  {"move": "/dev:devices/device/router-1:bgp/as", "to":
   "/dev:devices/device/router-2:routing/as-number"},
  {"move": "/dev:devices/device/router-1:bgp/neighbor", "to":
   "/dev:devices/device/router-2:routing/peer"}]})";

ConfigFile file(const std::string& name, std::string_view text) {
    return {.name = name, .digest = to_hex(sha256(text))};
}

ConfigSide side(const std::string& line, const std::string& module) {
    return {.line = line,
            .instances = {.path = "/dev:devices/device", .bound_by = "driver", .value = line},
            .modules = {module}};
}

std::string configuration(std::size_t entries) {
    std::string json = R"({"dev:devices":{"device":[)";
    for (std::size_t i = 0; i < entries; ++i)
        json += fmt::format(R"({}{{"name":"r{}","driver":"router@1","address":"10.{}.{}.{}",)"
                            R"("router-1:bgp":{{"as":{},"neighbor":"192.0.2.{}"}}}})",
                            i > 0 ? "," : "", i, i / 65536, i / 256 % 256, i % 256,
                            64512 + i % 1000, i % 250);
    return json + "]}}";
}

using Act = std::function<Result<>(ConfigStore&)>;

Result<> migrate(ConfigStore& store, bool dry_run) {
    for (;;) {
        const auto done =
            TRY(store.migrate({.from = "router@1", .to = "router@2", .dry_run = dry_run}));
        if (done.instances.empty()) return {};
        if (done.instances.front().state != MigratedInstance::State::moved)
            return fail(Errc::invalid, "an instance did not move");
        if (dry_run) return {};
    }
}

const std::string kLeaf = "/dev:devices/device[name='r7']/address";

Result<> set_one(ConfigStore& store) {
    TRY(store.edit("s", {{.kind = ConfigEdit::Kind::set, .path = kLeaf, .value = "a"}}));
    static_cast<void>(TRY(store.commit({.session = "s", .by = "s", .comment = ""})));
    return {};
}

Result<> compare(ConfigStore& store) {
    TRY(store.edit("s", {{.kind = ConfigEdit::Kind::set, .path = kLeaf, .value = "a"}}));
    const auto changes =
        TRY(store.changes({}, {.kind = ConfigSource::Kind::candidate, .session = "s"}));
    return changes.size() == 1 ? Result<>() : fail(Errc::invalid, "{} differ", changes.size());
}

Result<> show(ConfigStore& store) {
    return store.show({}, kLeaf, ConfigFormat::json) ? Result<>() : fail(Errc::invalid, "no value");
}

struct Case {
    std::string_view name;
    Act act;
    bool instances;
};
const std::array kCases{
    Case{"migrate", [](ConfigStore& store) { return migrate(store, false); }, true},
    Case{"migrate --dry-run", [](ConfigStore& store) { return migrate(store, true); }, true},
    Case{"set and commit one value", set_one, false},
    Case{"set one value and compare", compare, false},
    Case{"show one value", show, false},
    Case{"history",
         [](ConfigStore& store) {
             return Result<>(store.history(100) ? Result<>() : fail(Errc::invalid, "none"));
         },
         false},
};

struct Measured {
    double seconds = 0;
    double processor = 0;
};

Result<Measured> measure(const Case& what, std::size_t entries) {
    const auto folder = TRY(TempFolder::create("/tmp", "store-bench-"));
    SystemClock clock;
    const auto log = Log::silent();
    const auto store = TRY(ConfigStore::open({.database = folder.path() / "device.db",
                                              .rendered = folder.path() / "running.json",
                                              .scripts = folder.path(),
                                              .clock = clock,
                                              .log = *log}));
    for (const auto& text : {kDev, kOne, kTwo, kMove})
        TRY(store->keep({{.digest = to_hex(sha256(text)), .text = std::string(text)}}));
    const ConfigFiles files{.modules = {file("dev.yang", kDev), file("router-1.yang", kOne),
                                        file("router-2.yang", kTwo)},
                            .migrations = {},
                            .moves = {file("router@1-to-router@2.json", kMove)},
                            .sides = {side("router@1", "router-1"), side("router@2", "router-2")}};
    TRY(store->use(files, "boot"));
    TRY(store->edit(
        "s", {{.kind = ConfigEdit::Kind::replace, .path = {}, .value = configuration(entries)}}));
    static_cast<void>(TRY(store->commit({.session = "s", .by = "s", .comment = ""})));
    const auto began = std::chrono::steady_clock::now();
    const auto processor_began = std::clock();
    TRY(what.act(*store));
    const auto ended = std::chrono::steady_clock::now();
    return Measured{
        .seconds = std::chrono::duration<double>(ended - began).count(),
        .processor = static_cast<double>(std::clock() - processor_began) / CLOCKS_PER_SEC};
}

bool print_row(const Case& what, std::size_t entries) {
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
    fmt::print("| {} | {} | {:.2f} | {:.2f} | {} |\n", what.name, entries, measured.seconds,
               measured.processor, usage.ru_maxrss / 1024);
    static_cast<void>(std::fflush(stdout));
    return true;
}

}  // namespace
}  // namespace cutover

int main(int count, char** arguments) {
    std::vector<std::size_t> sizes;
    for (int i = 1; i < count; ++i) sizes.push_back(std::strtoul(arguments[i], nullptr, 10));
    const bool asked = !sizes.empty();
    fmt::print(
        "| case | entries | seconds | of the processor | peak memory, MiB |\n"
        "|---|---:|---:|---:|---:|\n");
    static_cast<void>(std::fflush(stdout));
    for (const auto& what : cutover::kCases) {
        if (!asked)
            sizes = what.instances ? std::vector<std::size_t>{100, 300, 1'000, 3'000, 10'000}
                                   : std::vector<std::size_t>{1'000, 10'000, 100'000};
        for (const auto entries : sizes)
            if (!cutover::print_row(what, entries)) return 1;
    }
    return 0;
}
