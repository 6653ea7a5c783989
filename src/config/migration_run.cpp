#include "config/migration_run.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "config/config_document.h"
#include "config/data_lines.h"
#include "config/data_upgrade.h"
#include "config/errors.h"
#include "config/migration.h"
#include "config/migration_chain.h"
#include "config/schema_view.h"
#include "config/yang_schema.h"
#include "model/configuration.h"

namespace cutover {
namespace {

std::string file_text(const MigrationFile& file) {
    const auto named = [](const std::string& revision) {
        return revision.empty() ? std::string("none") : revision;
    };
    return fmt::format("{}/{}-to-{}{}", file.module, named(file.from), named(file.to),
                       file.script ? "" : ".json");
}

Result<Migration> read_migration(const ChainLink& link) {
    const auto& file = *link.file;
    auto migration = TRY(parse_migration(file.text));
    if (migration.module != file.module || migration.from != file.from || migration.to != file.to)
        return fail(
            errors::config_migration, "it says that it is {}",
            file_text({.module = migration.module, .from = migration.from, .to = migration.to}));
    if (!link.reversed) return migration;
    return reversed(migration);
}

Result<> run_script(const ChainRun& run, const MigrationFile& file, ConfigDocument& data) {
    if (!run.run_script)
        return fail(errors::config_migration, "it is a script, and none is run here");
    const auto json = TRY(run.run_script(file.module, file.from, file.to, data.write()));
    auto made = TRY(data.parse_beside(json), "what it answers");
    adopt_origins(data, made, run.from, run.to);
    data = std::move(made);
    return {};
}

}  // namespace

std::string revision_of(const YangSchema& schema, const std::string& module) {
    const auto& modules = schema.modules();
    const auto found = std::ranges::find(modules, module, &YangModuleName::name);
    return found == modules.end() ? "" : found->revision;
}

Result<ChainRunResult> run_chain(const ChainRun& run, const std::string& module,
                                 ConfigDocument& data) {
    const auto from = revision_of(run.from.schema(), module);
    const auto to = revision_of(run.to.schema(), module);
    ChainRunResult result;
    for (const auto& link : TRY(find_chain(run.files, module, from, to))) {
        const auto& file = *link.file;
        MigrationRun done{.module = module,
                          .from = link.reversed ? file.to : file.from,
                          .to = link.reversed ? file.from : file.to,
                          .script = file.script};
        if (file.script) {
            TRY(run_script(run, file, data), "migration {}", file_text(file));
        } else {
            const auto migration = TRY(read_migration(link), "migration {}", file_text(file));
            auto migrated = TRY(migrate(migration, data), "migration {}", file_text(file));
            done.changed = migrated.changed;
            std::ranges::move(migrated.dropped, std::back_inserter(result.dropped));
            std::ranges::copy(migrated.absorbed, std::back_inserter(result.absorbed));
        }
        result.runs.push_back(std::move(done));
    }
    return result;
}

}  // namespace cutover
