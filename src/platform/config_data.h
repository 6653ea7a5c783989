#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/config_files.h"
#include "model/configuration.h"
#include "model/operation.h"

namespace cutover {

struct ConfigText {
    std::string digest;
    std::string text;
    bool operator==(const ConfigText&) const = default;
};

// What a change of modules does to the configuration.
struct ConfigUpgrade {
    std::vector<ConfigChange> changes;  // besides what is lost
    std::vector<ConfigLoss> lost;
    std::vector<std::string> invalid;  // the rules that do not hold, each with its path
    // Of a way back: what was changed since and cannot be carried back, each with why.
    std::vector<std::string> left_behind;
    std::size_t untold = 0;  // changes and losses beyond those listed
    bool operator==(const ConfigUpgrade&) const = default;
};

// How an operation comes to other modules: forward by migrations; back, where it goes back to what
// the data came from, to the data of then with what was changed since.
enum class ConfigWay : std::uint8_t { forward, back };

struct ConfigReader {
    std::string service;
    std::vector<std::string> modules;  // whose data it is told of
    bool operator==(const ConfigReader&) const = default;
};

// The configuration of YANG modules, as an operation sees it. Every call is repeatable: a cut
// operation makes it again.
class ConfigData {
public:
    virtual ~ConfigData() = default;

    // Texts that packages bring, verified; what is kept already is left alone.
    virtual Result<> keep(const std::vector<ConfigText>& texts) = 0;
    virtual Result<bool> has(std::string_view digest) = 0;

    // What would become of the running configuration with these modules; changes nothing. `more`
    // are texts that are not kept. config.module for modules that cannot be used, config.migration
    // for migrations that cannot.
    virtual Result<ConfigUpgrade> examine(const ConfigFiles& target, ConfigWay way,
                                          const std::vector<ConfigText>& more) = 0;

    // Makes the revision that the target begins with, all of its texts being kept; refuses
    // (config.would_break, config.would_lose) what examine() finds, the second unless `lose`.
    virtual Result<ConfigRevisionId> prepare(const ConfigFiles& target, ConfigWay way,
                                             OperationId operation, bool lose) = 0;

    // The modules of what runs. After another boot their startup configuration becomes the running
    // one, and a commit on trial is forgotten; so it is with other modules than before.
    virtual Result<> use(const ConfigFiles& files, const std::string& boot_id) = 0;

    // Makes the document (JSON or XML) what the next boot begins with, when it keeps all rules;
    // what runs stays. config.none where no modules describe it.
    virtual Result<ConfigRevisionId> set_startup(const std::string& document,
                                                 const std::string& by) = 0;

    // Paths of the instances in the running configuration, or in what a boot begins with, that are
    // bound to a major version of a package ("router@1").
    virtual Result<std::vector<std::string>> bound(const std::string& line, bool startup) = 0;

    // While an operation changes the modules or the base no commit is taken; "" ends it.
    virtual void make_read_only(std::string_view why) = 0;
    // While an operation is about to do so, none that has to be confirmed; "" ends it.
    virtual void refuse_trials(std::string_view why) = 0;
    // What is open; config.none where no modules are in force.
    virtual Result<ConfigStatus> status() = 0;
    // Undoes the commit on trial, if there is one.
    virtual Result<> end_trial(const std::string& by) = 0;

    // The modules whose running data has changed since this was asked last, for services to take;
    // `told` is called, from any thread, when there are new ones.
    virtual std::vector<std::string> take_changes() = 0;
    virtual void tell_changes(std::function<void()> told) = 0;
    virtual void set_readers(std::vector<ConfigReader> readers) = 0;  // who is told
    // Those of what was asked for by take_changes() that are still to be told.
    virtual void set_waiting(std::vector<std::string> services) = 0;
    // The services that have not taken what is new, each with why.
    virtual void set_behind(std::vector<std::string> services) = 0;
};

}  // namespace cutover
