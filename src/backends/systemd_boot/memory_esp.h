#pragma once

// An EFI system partition in memory, systemd-boot on it, and what power cuts leave, for tests.
// tests/machines/test_systemd_boot.py holds the real one against this.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "backends/systemd_boot/boot_entry.h"
#include "backends/systemd_boot/entry_folder.h"
#include "base/error.h"
#include "model/slot.h"
#include "platform/boot_control.h"
#include "platform/kernel_command_line.h"

namespace cutover {

using Files = std::map<std::string, std::string, std::less<>>;

// One call on the folder, and the files before it.
struct EspChange {
    enum class Kind : std::uint8_t { create, rewrite, remove, rename } kind = Kind::create;
    Files before;
    std::string name;
    std::string content;   // of create and rewrite
    std::string new_name;  // of rename
    std::string freed;     // what the clusters held that a new file may get
};

class MemoryEsp {
public:
    Files files;
    std::vector<EspChange> log;
    std::optional<std::size_t> last_change;  // of the log; every call after it fails

    bool power_fails() const { return last_change && log.size() >= *last_change; }

    void create(std::string_view name, std::string_view content) {
        note(EspChange::Kind::create, name).content = content;
        files[std::string(name)] = content;
    }
    void rewrite(std::string_view name, std::string_view content) {
        note(EspChange::Kind::rewrite, name).content = content;
        files[std::string(name)] = content;
    }
    void remove(std::string_view name) {
        note(EspChange::Kind::remove, name);
        const auto found = files.find(name);
        freed_ = found->second;
        files.erase(found);
    }
    void rename(const std::string& from, const std::string& to) {
        note(EspChange::Kind::rename, from).new_name = to;
        files[to] = files[from];
        files.erase(from);
    }

private:
    EspChange& note(EspChange::Kind kind, std::string_view name) {
        return log.emplace_back(
            EspChange{.kind = kind, .before = files, .name = std::string(name), .freed = freed_});
    }

    std::string freed_;
};

class MemoryEntryFolder final : public EntryFolder {
public:
    explicit MemoryEntryFolder(MemoryEsp& esp) : esp_(esp) {}
    Result<std::vector<std::string>> list() const override {
        std::vector<std::string> names;
        for (const auto& [name, content] : esp_.files) names.push_back(name);
        return names;
    }
    Result<std::string> read(std::string_view name) const override {
        const auto found = esp_.files.find(name);
        if (found == esp_.files.end()) return fail(Errc::not_found, "no {}", name);
        return found->second;
    }
    Result<> create(std::string_view name, std::string_view content) override {
        if (esp_.files.contains(name)) return fail(Errc::conflict, "{} exists", name);
        if (esp_.power_fails()) return fail(Errc::io, "the power has failed");
        esp_.create(name, content);
        return {};
    }
    Result<> rewrite(std::string_view name, std::string_view content) override {
        const auto found = esp_.files.find(name);
        if (found == esp_.files.end() || found->second.size() != content.size())
            return fail(Errc::invalid, "rewriting {} would change its length", name);
        if (esp_.power_fails()) return fail(Errc::io, "the power has failed");
        esp_.rewrite(name, content);
        return {};
    }
    Result<> remove(std::string_view name) override {
        if (!esp_.files.contains(name)) return {};
        if (esp_.power_fails()) return fail(Errc::io, "the power has failed");
        esp_.remove(name);
        return {};
    }

private:
    MemoryEsp& esp_;
};

// systemd-boot 252, as far as it goes into the choice.
class PlayedLoader {
public:
    struct Entry {
        std::string file;
        std::string sort_key;
        std::uint32_t version = 0;
        int left = -1;  // -1: not counted
        int done = 0;
        std::string stem;  // of the name, before the counters
        std::string options;
    };

    // What it starts; no slot when there is no entry, or one that says no slot.
    static std::optional<BootedAs> boot(MemoryEsp& esp) {
        auto entries = offered(esp.files);
        if (entries.empty()) return std::nullopt;
        std::ranges::stable_sort(entries, comes_before);
        const auto& first = entries.front();
        if (first.left > 0)
            esp.rename(first.file,
                       fmt::format("{}+{}-{}.conf", first.stem, first.left - 1, first.done + 1));
        auto booted = parse_kernel_command_line(first.options);
        return booted ? std::optional(*booted) : std::nullopt;
    }

private:
    static bool comes_before(const Entry& a, const Entry& b) {
        if ((a.left == 0) != (b.left == 0)) return b.left == 0;
        if (a.sort_key.empty() != b.sort_key.empty()) return b.sort_key.empty();
        if (a.sort_key != b.sort_key) return a.sort_key < b.sort_key;
        if (a.version != b.version) return a.version > b.version;
        return a.file > b.file;
    }

    static std::vector<Entry> offered(const Files& files) {
        std::vector<Entry> entries;
        for (const auto& [file, content] : files) {
            Entry entry{.file = file};
            bool has_kernel = false;
            for (std::size_t at = 0; at < content.size();) {
                const auto end = std::min(content.find('\n', at), content.size());
                const auto line = content.substr(at, end - at);
                at = end + 1;
                const auto space = line.find(' ');
                if (line.starts_with('#') || space == std::string::npos) continue;
                const auto value = line.substr(space + 1);
                const auto key = line.substr(0, space);
                if (key == "linux") has_kernel = value.starts_with("/cutover/");
                if (key == "sort-key") entry.sort_key = value;
                if (key == "version")
                    entry.version = static_cast<std::uint32_t>(std::atoi(value.c_str()));
                if (key == "options") entry.options = value;
            }
            if (!has_kernel || !file.ends_with(".conf")) continue;
            entry.stem = file.substr(0, file.size() - 5);
            if (const auto plus = entry.stem.rfind('+'); plus != std::string::npos) {
                entry.left = std::atoi(entry.stem.c_str() + plus + 1);
                const auto dash = entry.stem.find('-', plus);
                if (dash != std::string::npos) entry.done = std::atoi(&entry.stem[dash + 1]);
                entry.stem.resize(plus);
            }
            entries.push_back(entry);
        }
        return entries;
    }
};

// What a power cut inside `change` can leave on a FAT file system whose sectors are written whole
// or not at all; `torn` adds a sector that holds nothing sensible any more.
struct EspState {
    Files files;
    bool torn = false;      // worse than a disk promises
    bool renaming = false;  // inside the boot loader's rename
};

inline std::vector<EspState> states_inside(const EspChange& change, std::mt19937& random) {
    std::vector<EspState> states;
    const auto with = [&](const std::string& name, const std::string& content, bool torn) {
        auto files = change.before;
        files[name] = content;
        states.push_back({.files = std::move(files), .torn = torn});
    };
    const auto junk = [&] {
        std::string bytes(kEntryBytes, '\0');
        for (auto& c : bytes) c = static_cast<char>(random());
        return bytes;
    };
    states.push_back({.files = change.before});
    auto without = change.before;
    without.erase(change.name);
    switch (change.kind) {
        case EspChange::Kind::create:
            for (const auto& content : {std::string(), std::string(kEntryBytes, '\0'),
                                        change.content, change.freed, junk(), junk()})
                with(change.name, content, false);
            break;
        case EspChange::Kind::rewrite:
            with(change.name, change.content, false);
            for (int i = 0; i < 8; ++i) with(change.name, junk(), true);
            with(change.name, std::string(kEntryBytes, '\0'), true);
            with(change.name, std::string(kEntryBytes, '\xff'), true);
            break;
        case EspChange::Kind::remove:
            states.push_back({.files = without});
            for (int i = 0; i < 4; ++i) with(change.name, junk(), false);
            with(change.name, "", false);
            break;
        case EspChange::Kind::rename: {
            states.push_back({.files = without, .renaming = true});
            auto both = change.before;
            both[change.new_name] = both[change.name];
            states.push_back({.files = both, .renaming = true});
            without[change.new_name] = change.before.at(change.name);
            states.push_back({.files = without});
            break;
        }
    }
    return states;
}

}  // namespace cutover
