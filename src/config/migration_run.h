#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "config/config_document.h"
#include "config/data_upgrade.h"
#include "config/migration.h"
#include "config/schema_view.h"

namespace cutover {

// Of the schema's module; empty when it has none, or is not there.
std::string revision_of(const YangSchema& schema, const std::string& module);

// Runs one module's chain of migrations on `data`.
struct ChainRun {
    const std::vector<MigrationFile>& files;
    const RunMigrationScript& run_script;
    SchemaView& from;
    SchemaView& to;
};
struct ChainRunResult {
    std::vector<MigrationRun> runs;
    std::vector<MigrationResult::Dropped> dropped;
    std::vector<ConfigDocument::NodeId> absorbed;
};
Result<ChainRunResult> run_chain(const ChainRun& run, const std::string& module,
                                 ConfigDocument& data);

}  // namespace cutover
