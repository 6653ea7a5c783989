#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "model/configuration.h"

namespace cutover {

// A Configuration in memory, for the tests of whatever holds a Configuration&: a value for each
// path, and of rules only these: a path begins with "/ietf-", and what ends with /mtu is a number.
// A document is an object of such pairs. No time of its own: each revision is a minute after the
// one before. Safe to call from several threads.
class FakeConfiguration final : public Configuration {
public:
    FakeConfiguration();  // with two revisions, of which the second runs, and a boot has the first

    // Why no commit is taken; empty: they are.
    void set_read_only(std::string why);
    // A service that has not taken what runs, with why.
    void add_behind(std::string service);
    void add_waiting(std::string service);  // that is still to be told
    // Why a session's changes could not be carried over to new modules.
    void set_problem(const std::string& session, std::string why);
    // So many instances move with one call.
    void set_at_once(std::size_t instances);
    // The deadline of the commit on trial passes.
    void end_trial();
    // The last edits, and who asked for what.
    std::vector<ConfigEdit> last_edits() const;
    ConfigCommit last_commit() const;
    std::string saved_by() const;

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
    // An instance is what has a leaf "driver"; its "bgp/as" becomes "routing/as-number", and its
    // "banner" has no place afterwards.
    Result<ConfigMigrated> migrate(const ConfigMigrate& wanted) override;

private:
    using Tree = std::map<std::string, std::string>;
    struct Revision {
        ConfigRevision record;
        Tree tree;
    };
    struct Candidate {
        ConfigCandidate record;
        Tree tree;
    };

    Result<Tree> tree_of(const ConfigSource& source) const;
    Result<const Revision*> find(ConfigRevisionId revision) const;
    const Tree& running_tree() const;
    Result<Tree> rebased(const Candidate& candidate) const;
    static void migrate_one(const ConfigMigrate& wanted, MigratedInstance& instance, Tree& tree);
    ConfigRevision add(Tree tree, std::string by, std::string comment);

    mutable std::mutex mutex_;
    std::vector<Revision> revisions_;  // oldest first
    ConfigRevisionId running_ = 0;
    ConfigRevisionId startup_ = 0;
    std::map<std::string, Candidate> candidates_;
    std::optional<ConfigTrial> trial_;
    std::string read_only_;
    std::vector<std::string> behind_;
    std::vector<std::string> waiting_;
    std::vector<ConfigEdit> last_edits_;
    ConfigCommit last_commit_;
    std::string saved_by_;
    std::size_t at_once_ = kMigratedAtOnce;
};

}  // namespace cutover
