#pragma once

#include <string>
#include <vector>

#include "cli/config_view.h"
#include "model/configuration.h"

// The documents that --json prints of configuration; as json.h has those of the rest.
namespace cutover::cli::json {

// A JSON document is an object in it, another a text.
std::string config_document(const ConfigSource& source, const std::string& path,
                            ConfigFormat format, const std::string& document);
std::string config_value(const ConfigSource& source, const std::string& path,
                         const std::string& value);
std::string config_changes(const ConfigSource& from, const ConfigSource& to,
                           const std::vector<ConfigChange>& changes);
std::string config_edited(const std::string& session);
std::string config_commit(const CommitView& commit);
std::string config_status(const ConfigStatus& status);
std::string config_history(const std::vector<ConfigRevision>& revisions,
                           const ConfigStatus& status);

}  // namespace cutover::cli::json
