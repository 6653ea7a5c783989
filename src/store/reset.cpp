// What a factory reset leaves of what a device remembers.

#include <string>

#include "base/error.h"
#include "model/generation.h"
#include "model/operation.h"
#include "store/config_tables.h"
#include "store/outbox.h"
#include "store/store.h"

namespace cutover {
namespace {

constexpr GenerationId kFirstGeneration = 1;  // what a device is made with

}  // namespace

// Resets forget the first generation; the note of it outlives them.
Result<std::string> Store::factory_base() {
    auto noted = TRY(meta("factory_base"));
    if (!noted.empty()) return noted;
    for (const auto& generation : TRY(generations()))
        if (generation.id == kFirstGeneration) return generation.base.digest;
    return std::string();
}

Result<> Store::forget_all_but(OperationId operation, GenerationId kept) {
    TRY(set_meta("factory_base", TRY(factory_base())));
    std::string base;
    for (const auto& generation : TRY(generations())) {
        if (generation.id == kept)
            base = generation.base.digest;
        else
            TRY(remove_generation(generation.id));
    }
    TRY(database_.query("DELETE FROM operations WHERE id <> ?", {operation}));
    TRY(database_.query("DELETE FROM journal WHERE operation <> ?", {operation}));
    TRY(database_.query("DELETE FROM events WHERE operation <> ?", {operation}));
    TRY(database_.query("DELETE FROM manifests WHERE digest <> ?", {base}));
    for (const auto* table : {"DELETE FROM alarms", "DELETE FROM previews"})
        TRY(database_.query(table));
    TRY(put_depot({}));
    TRY(ConfigTables::forget_data(database_));
    return Outbox(database_).forget_all();
}

}  // namespace cutover
