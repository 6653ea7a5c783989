#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "config/config_tree.h"
#include "config/data_upgrade.h"
#include "config/migration.h"
#include "config/yang_schema.h"
#include "model/config_files.h"
#include "model/configuration.h"
#include "platform/config_data.h"
#include "store/config_tables.h"

namespace cutover {

// The configuration of one device: kept in its database, changed by sessions, and carried from one
// set of modules to the next by operations. What runs is also written to a file for services.
class ConfigStore final : public Configuration, public ConfigData {
public:
    static constexpr int kKeptRevisions = 100;  // fewer where each is large
    static constexpr int kFewestRevisions = 10;
    static constexpr std::size_t kKeptBytes = std::size_t{256} * 1024 * 1024;
    static constexpr int kKeptSchemas = 16;  // to which a device may go back
    static constexpr int kKeptTexts = 1000;  // of migrations, and of modules not in use
    static constexpr std::size_t kMaxCandidates = 64;
    static constexpr std::chrono::milliseconds kLongestTrial = std::chrono::hours(24);

    // How many are kept beside one of so many bytes: each holds the whole configuration.
    static int kept_revisions(std::size_t size_bytes);

    struct Options {
        std::filesystem::path database;
        std::filesystem::path rendered;  // file that services read: JSON (RFC 7951)
        std::filesystem::path scripts;   // folder where migrations that are scripts run
        Clock& clock;
        Log& log;
    };
    static Result<std::unique_ptr<ConfigStore>> open(Options options);
    ~ConfigStore() override;
    ConfigStore(const ConfigStore&) = delete;
    ConfigStore& operator=(const ConfigStore&) = delete;

    // Configuration
    Result<ConfigStatus> status() override;
    Result<std::string> show(const ConfigSource& source, const std::string& path,
                             ConfigFormat format) override;
    Result<std::string> value(const ConfigSource& source, const std::string& path) override;
    Result<std::vector<ConfigChange>> changes(const ConfigSource& from,
                                              const ConfigSource& to) override;
    Result<> edit(const std::string& session, const std::vector<ConfigEdit>& edits) override;
    Result<> discard(const std::string& session) override;
    Result<ConfigRevision> commit(const ConfigCommit& commit) override;
    Result<> save(const std::string& by) override;
    Result<std::vector<ConfigRevision>> history(int max_count) override;
    Result<ConfigRevision> rollback(ConfigRevisionId revision, const std::string& by) override;
    Result<ConfigMigrated> migrate(const ConfigMigrate& wanted) override;

    // ConfigData
    Result<std::vector<std::string>> bound(const std::string& line, bool startup) override;
    Result<> keep(const std::vector<ConfigText>& texts) override;
    Result<bool> has(std::string_view digest) override;
    Result<ConfigUpgrade> examine(const ConfigFiles& target, ConfigWay way,
                                  const std::vector<ConfigText>& more) override;
    Result<ConfigRevisionId> prepare(const ConfigFiles& target, ConfigWay way,
                                     OperationId operation, bool lose) override;
    Result<> use(const ConfigFiles& files, const std::string& boot_id) override;
    Result<ConfigRevisionId> set_startup(const std::string& document,
                                         const std::string& by) override;
    void make_read_only(std::string_view why) override;
    void refuse_trials(std::string_view why) override;
    Result<> end_trial(const std::string& by) override;
    std::vector<std::string> take_changes() override;
    void tell_changes(std::function<void()> told) override;
    void set_readers(std::vector<ConfigReader> readers) override;
    void set_waiting(std::vector<std::string> services) override;
    void set_behind(std::vector<std::string> services) override;

private:
    using Pointers = ConfigTables::Pointers;
    using Modules = std::set<std::string>;  // names, of which something has changed

    ConfigStore(Options options, ConfigTables tables);

    // All of these with the mutex held.
    Result<> usable() const;
    const YangSchema& schema() const;  // of what is usable
    Result<> writable() const;
    Result<ConfigTables::Revision> revision_of(ConfigRevisionId id);
    Result<ConfigTree> parse(const std::string& data) const;
    Result<ConfigTree> tree_of(const ConfigSource& source);
    Result<std::optional<ConfigTables::Candidate>> candidate_of(const std::string& session);
    Result<> apply(const ConfigEdit& edit, ConfigTree& tree) const;
    Result<ConfigTree> committable(const ConfigTables::Candidate& candidate);
    Result<ConfigRevision> confirm_trial(const ConfigCommit& commit);
    // Makes the tree a revision that runs, with what else `writes` does.
    Result<ConfigRevision> run(ConfigTree tree, ConfigRevision about,
                               const std::function<Result<>(const ConfigRevision&)>& writes);
    Result<ConfigRevision> undo_trial(const ConfigTrial& trial, std::string_view why);
    Result<> undo_any_trial(const std::string& by);
    std::set<std::string> readers_of(const Modules& modules) const;
    Result<> publish(const ConfigTree& tree);
    Result<std::string> text_of(const ConfigFile& file, const std::vector<ConfigText>& more);
    Result<YangSchema> compile(const ConfigFiles& files, const std::vector<ConfigText>& more);
    struct Upgraded {
        ConfigUpgrade report;
        std::string data;
        ConfigRevisionId from = 0;
    };
    Result<Upgraded> upgrade(const ConfigFiles& target, ConfigWay way,
                             const std::vector<ConfigText>& more);
    Result<std::vector<MigrationFile>> migrations_of(const ConfigFiles& target,
                                                     const std::vector<ConfigText>& more);
    Result<std::string> data_from(const std::string& before, ConfigRevisionId id);
    RunMigrationScript script_runner(const std::vector<MigrationFile>& migrations) const;
    Result<std::string> first_data(const std::string& before);
    struct SavedMeanwhile {
        ConfigRevisionId from = 0;
        std::string data;
    };
    Result<std::optional<SavedMeanwhile>> saved_meanwhile(const std::string& schema,
                                                          const std::string& before,
                                                          ConfigRevisionId startup);
    Result<ConfigRevisionId> add_revision(const std::string& schema, const std::string& data,
                                          ConfigRevisionId from, std::string_view comment);
    Result<> carry_candidates(const std::string& schema);
    Result<std::string> carried(const ConfigTables::Candidate& candidate);
    struct Migrating;
    Result<const ConfigSide*> side(const std::string& line) const;
    Result<Migrating> begin_migrating(const ConfigMigrate& wanted);
    Result<std::optional<Migration>> move_between(const std::string& from, const std::string& to);
    Result<std::string> with_instances_back(std::string data, const ConfigFiles& target,
                                            std::vector<std::string>& left_behind);
    Result<> put_migrated(Migrating& migrating, const std::string& data,
                          std::span<MigratedInstance> together);
    Result<> move_together(Migrating& migrating, std::span<MigratedInstance> together,
                           std::size_t& moved);
    bool migrate_together(Migrating& migrating, std::span<MigratedInstance> together);
    void keep_trials(const std::stop_token& stop);

    const Options options_;
    mutable std::mutex mutex_;  // guards all below
    ConfigTables tables_;
    std::optional<YangSchema> schema_;  // of what runs
    ConfigFiles files_;                 // what it was made of
    std::string schema_id_;             // "" when nothing brings modules
    std::string unusable_;              // why there is no schema although there are modules
    std::string read_only_;
    std::string no_trials_;
    std::optional<std::string> published_;  // what `rendered` holds
    std::vector<std::string> behind_;
    std::set<std::string> changed_;  // modules, for take_changes()
    std::vector<ConfigReader> readers_;
    std::set<std::string> waiting_;  // services, of what was taken
    std::function<void()> told_;
    std::condition_variable_any wake_;
    std::optional<SteadyTime> trial_ends_;
    std::jthread trials_;  // the last: it ends before what it uses
};

}  // namespace cutover
