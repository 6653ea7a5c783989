#pragma once

#include <string>

#include "base/error.h"
#include "gnoi/common/common.pb.h"

namespace cutover::gnoi_door {

// The URL of a gNOI RemoteDownload: "http://host/file", "host:/file" with its protocol.
Result<std::string> remote_url(const ::gnoi::common::RemoteDownload& download);

}  // namespace cutover::gnoi_door
