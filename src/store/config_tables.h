#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/configuration.h"
#include "store/database.h"

namespace cutover {

// What configuration is kept as, in tables of the device's database. A schema is a set of YANG
// modules, known by a digest; revisions, candidates and pointers belong to one. Over a connection
// of its own, for one thread at a time; what is written inside transact() becomes durable together.
class ConfigTables {
public:
    static Result<ConfigTables> open(const std::filesystem::path& database);
    static Result<> prepare(Database& database);  // makes the tables where they are not there
    // A factory reset, inside its transaction: what the base's modules say stays.
    static Result<> forget_data(Database& database);

    Result<> transact(const std::function<Result<>()>& body) { return database_.transact(body); }

    // Texts of modules and migrations, by their SHA-256.
    Result<> put_text(std::string_view digest, std::string_view text);
    Result<std::optional<std::string>> text(std::string_view digest);

    // Keeps `schema` and the `count` others whose data is the newest; texts that no module kept is,
    // but for the newest `texts`.
    Result<> forget_old_schemas(std::string_view schema, int count, int texts);

    Result<> put_schema(std::string_view schema, const std::vector<std::string>& modules);
    Result<std::vector<std::string>> modules_of(std::string_view schema);  // digests; of an unknown
                                                                           // one none

    struct Revision {
        ConfigRevision about;
        std::string schema;
        std::string data;  // JSON (RFC 7951)
    };
    Result<ConfigRevisionId> add_revision(const Revision& revision);  // gives it its id
    Result<std::optional<Revision>> revision(ConfigRevisionId id);
    Result<std::vector<ConfigRevision>> revisions(std::string_view schema,
                                                  int max_count);  // newest first
    // The newest `count` of all stay, and those that anything here refers to.
    Result<> forget_old_revisions(int count);

    struct Pointers {
        ConfigRevisionId running = 0;
        ConfigRevisionId startup = 0;
        bool operator==(const Pointers&) const = default;
    };
    Result<Pointers> pointers(std::string_view schema);
    Result<> set_pointers(std::string_view schema, const Pointers& pointers);

    // How a schema's data came from another's: to carry back what was changed since.
    struct Origin {
        ConfigRevisionId first = 0;  // what was made
        std::string from_schema;
        ConfigRevisionId from = 0;  // what it was made of
        bool operator==(const Origin&) const = default;
    };
    Result<std::optional<Origin>> origin(std::string_view schema);
    Result<> set_origin(std::string_view schema, const Origin& origin);

    struct Candidate {
        ConfigCandidate about;
        std::string schema;
        std::string data;
    };
    Result<> put_candidate(const Candidate& candidate);
    Result<std::optional<Candidate>> candidate(std::string_view session);
    Result<std::vector<Candidate>> candidates();  // by their sessions' names, without data
    Result<> forget_candidate(std::string_view session);

    Result<std::optional<ConfigTrial>> trial();
    Result<> set_trial(const std::optional<ConfigTrial>& trial);

    // Which schema is in force, and since which boot.
    struct Use {
        std::string schema;
        std::string boot;
        bool operator==(const Use&) const = default;
    };
    Result<Use> use();
    Result<> set_use(const Use& use);

private:
    explicit ConfigTables(Database database) : database_(std::move(database)) {}

    Database database_;
};

}  // namespace cutover
