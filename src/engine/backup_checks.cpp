#include "engine/backup_checks.h"

#include <string>

#include <fmt/core.h>

#include "backup/backup_folder.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "engine/backup_places.h"
#include "engine/checks.h"
#include "engine/errors.h"
#include "model/backups.h"
#include "model/operation.h"
#include "platform/device_folder.h"

namespace cutover {
namespace {

CheckResult refused(const ErrorInfo& info, const std::string& detail) {
    return {.verdict = CheckVerdict::refused, .detail = detail, .error = make_error(info, detail)};
}

CheckResult refused_by(const Error& error) {
    return {.verdict = CheckVerdict::refused, .detail = error.text(), .error = error};
}

}  // namespace

CheckResult check_backup_space(const CheckContext& context) {
    const auto& ports = context.ports;
    const auto free = free_bytes(ports.folder);
    if (!free) return refused_by(free.error());
    const auto need = BackupFolder(backup_places(ports)).space_needed();
    const auto detail = fmt::format("needs {}, has {}", human_size(need), human_size(*free));
    const auto kind = context.input.request.kind;
    if (need <= *free) return {.detail = detail};
    // The way back is not to be barred by a full disk.
    if (kind == OperationKind::revert || kind == OperationKind::rollback)
        return {.verdict = CheckVerdict::warning, .detail = detail};
    return refused(errors::check_backup_space, detail);
}

CheckResult check_backup_hardware(const CheckContext& context) {
    const auto backup = context.input.backup.value_or(Backup{});
    const auto& here = context.ports.config.hardware.front();
    if (backup.hardware == here) return {.detail = here};
    return refused(errors::check_backup_hardware,
                   fmt::format("the backup is of {}, the device is {}", backup.hardware, here));
}

CheckResult check_backup_device(const CheckContext& context) {
    const auto backup = context.input.backup.value_or(Backup{});
    const auto here = device_uuid(context.ports.folder);
    if (!here) return refused_by(here.error());
    if (backup.uuid == *here) return {.detail = "of this device"};
    return refused(errors::check_backup_device,
                   fmt::format("the backup is of {} ({})", backup.device, backup.uuid));
}

}  // namespace cutover
