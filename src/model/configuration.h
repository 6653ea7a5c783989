#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace cutover {

// Configuration is data of YANG modules (RFC 7950). Its paths begin with a module's name:
// /ietf-interfaces:interfaces/interface[name='eth0']/enabled.

using ConfigRevisionId = std::int64_t;  // counted from 1; 0 is none

inline constexpr std::size_t kMaxConfigBytes = std::size_t{64} * 1024 * 1024;
inline constexpr std::size_t kMaxConfigPathBytes = 4096;
inline constexpr std::size_t kMaxConfigEdits = 10'000;  // in one call

enum class ConfigFormat : std::uint8_t {
    json,  // RFC 7951
    xml,   // RFC 7950
    tree,  // a line a node, indented; for people, and not read again
};

struct YangModuleName {
    std::string name;
    std::string revision;  // "2018-02-20"; empty when it has none
    bool operator==(const YangModuleName&) const = default;
};

// One thing that differs between two configurations.
struct ConfigChange {
    enum class Kind : std::uint8_t { added, removed, changed, moved };
    Kind kind = Kind::changed;
    std::string path;
    std::string before;  // empty for what has no value of its own
    std::string after;
    bool operator==(const ConfigChange&) const = default;
};

// Data that other modules have no place for.
struct ConfigLoss {
    std::string path;
    std::string value;  // empty for what has none of its own
    std::string why;    // "module nos-qos is gone", or libyang's reason
    bool operator==(const ConfigLoss&) const = default;
};

struct ConfigRevision {
    ConfigRevisionId id = 0;
    ConfigRevisionId made_from = 0;  // the one that ran before
    WallTime made{};
    std::string by;       // "alice@ipv4:192.0.2.1:40312", "operation 7"
    std::string comment;  // "rollback to revision 3"
    bool operator==(const ConfigRevision&) const = default;
};

// What a session has changed and not committed.
struct ConfigCandidate {
    std::string session;
    ConfigRevisionId made_from = 0;
    WallTime touched{};
    std::string problem;  // why it could not be carried over to new modules; empty: nothing
    bool operator==(const ConfigCandidate&) const = default;
};

// A commit that undoes itself unless it is confirmed.
struct ConfigTrial {
    ConfigRevisionId revision = 0;
    ConfigRevisionId back_to = 0;
    WallTime deadline{};
    std::string by;
    bool operator==(const ConfigTrial&) const = default;
};

struct ConfigStatus {
    std::vector<YangModuleName> modules;
    ConfigRevisionId running = 0;
    ConfigRevisionId startup = 0;  // what a boot begins with
    std::optional<ConfigTrial> trial;
    std::vector<ConfigCandidate> candidates;
    std::string read_only;  // why no commit is taken: "operation 7 (upgrade …) is at work"
    std::vector<std::string> behind;   // services that have not taken the running one yet, with why
    std::vector<std::string> waiting;  // services that are still to be told of it
    bool operator==(const ConfigStatus&) const = default;
};

// Which configuration is meant.
struct ConfigSource {
    enum class Kind : std::uint8_t { running, startup, candidate, revision };
    Kind kind = Kind::running;
    std::string session = {};       // of a candidate; without changes it is the running one
    ConfigRevisionId revision = 0;  // of Kind::revision
    bool operator==(const ConfigSource&) const = default;
};

struct ConfigEdit {
    enum class Kind : std::uint8_t {
        set,      // the leaf at `path`, or an empty container or list entry
        erase,    // what is at `path`, with all below it
        merge,    // the document in `value`; what is in both becomes the document's
        replace,  // everything, by the document in `value`
    };
    Kind kind = Kind::set;
    std::string path;
    std::string value;
    ConfigFormat format = ConfigFormat::json;  // of a document: json or xml
    bool operator==(const ConfigEdit&) const = default;
};

struct ConfigCommit {
    std::string session;
    std::string by;
    std::string comment;
    std::optional<std::chrono::seconds> confirm = {};  // undone after this time, unless confirmed
    bool operator==(const ConfigCommit&) const = default;
};

// What takes entries of a list ("instances") from one major version of a package to another.
struct ConfigMigrate {
    std::string from;  // "router@1"
    std::string to;    // "router@2"
    std::vector<std::string> instances =
        {};                // paths of entries; empty: all that are bound to `from`
    bool dry_run = false;  // all but the commits
    bool lose = false;     // also where data have no place in `to`
    std::string by = {};
    bool operator==(const ConfigMigrate&) const = default;
};

// One thing that has another path or value afterwards.
struct ConfigMove {
    std::string path_before;  // empty: it was not there
    std::string path_after;   // empty: it is gone
    std::string before;       // values; empty for what has none of its own
    std::string after;
    bool operator==(const ConfigMove&) const = default;
};

struct MigratedInstance {
    enum class State : std::uint8_t {
        moved,      // or would be, of a dry run
        failed,     // and is as it was
        untouched,  // its turn did not come
    };
    std::string path;
    State state = State::untouched;
    ConfigRevisionId revision = 0;  // that it was committed with, as others were; 0: none
    std::vector<ConfigMove> changes;
    std::vector<ConfigLoss> lost;
    std::size_t untold = 0;      // changes and losses beyond those listed
    std::optional<Error> error;  // of what failed; or has moved, but services may not read it
    bool operator==(const MigratedInstance&) const = default;
};

struct ConfigMigrated {
    ConfigMigrate asked;
    std::vector<MigratedInstance> instances;  // the first that fails is the last that was tried
    bool operator==(const ConfigMigrated&) const = default;
};

inline constexpr std::size_t kMaxMigrated = 10'000;      // instances in one call
inline constexpr std::size_t kMigratedAtOnce = 2'500;    // with one revision
inline constexpr std::size_t kMaxMigratedTold = 10'000;  // changes and losses of one revision

// The configuration of a device. Safe to call from several threads; no call waits for an operation,
// or for a service to take what is new. Errors are those of config/errors.h.
class Configuration {
public:
    virtual ~Configuration() = default;

    virtual Result<ConfigStatus> status() = 0;

    // What is at `path` and below; empty: all.
    virtual Result<std::string> show(const ConfigSource& source, const std::string& path,
                                     ConfigFormat format) = 0;
    // The value of one leaf; a default where nothing is set.
    virtual Result<std::string> value(const ConfigSource& source, const std::string& path) = 0;
    virtual Result<std::vector<ConfigChange>> changes(const ConfigSource& from,
                                                      const ConfigSource& to) = 0;

    // All of them, in order, to the session's candidate, or none. What it becomes need not be valid
    // before it is committed.
    virtual Result<> edit(const std::string& session, const std::vector<ConfigEdit>& edits) = 0;
    virtual Result<> discard(const std::string& session) = 0;  // also when there is none

    // Makes the candidate what runs, when all rules of the modules hold; else nothing changes.
    // Where others have committed since it was begun, what it changes is applied to theirs;
    // config.conflict when both have changed the same. A commit without changes confirms the one on
    // trial, and is refused (config.nothing_to_commit) when none is.
    virtual Result<ConfigRevision> commit(const ConfigCommit& commit) = 0;

    // Makes what runs what the next boot begins with; refused while a commit is on trial.
    virtual Result<> save(const std::string& by) = 0;
    virtual Result<std::vector<ConfigRevision>> history(int max_count) = 0;  // newest first
    // Commits the content of an older revision; 0: of the one before, or the end of a trial.
    virtual Result<ConfigRevision> rollback(ConfigRevisionId revision, const std::string& by) = 0;

    // The first kMigratedAtOnce of the instances, each whole or not at all, with one revision:
    // those whose turn did not come are to be asked for again. Where one fails, those before it are
    // moved, with a few revisions. A dry run does the same for all of them. What cannot be begun is
    // an error; what fails on the way is told of the instance.
    virtual Result<ConfigMigrated> migrate(const ConfigMigrate& wanted) = 0;
};

}  // namespace cutover
