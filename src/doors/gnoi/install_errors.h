#pragma once

#include "base/error.h"
#include "gnoi/os/os.pb.h"
#include "model/operation.h"

namespace cutover::gnoi_door {

// What an error of ours is to a client of gnoi.os Install; `stage` is where the operation was.
::gnoi::os::InstallError::Type install_error_type(const Error& error, Stage stage);

}  // namespace cutover::gnoi_door
