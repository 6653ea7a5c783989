#pragma once

#include "base/error.h"
#include "dmi/hw_management_service.pb.h"
#include "dmi/sw_image.pb.h"
#include "dmi/sw_management_service.pb.h"

namespace cutover::dmi_wire {

// What an error of ours is among the reasons that the DMI has. One table, by the error's id, then
// by its family, then by its kind: no error is without a reason.
::dmi::ImageStatus::Reason image_reason(const Error& error);
::dmi::ConfigResponse::Reason config_reason(const Error& error);
::dmi::UploadDebugInfoStatus::Reason upload_reason(const Error& error);

// The text that goes with it: "[check.space] needs ...", what led to it, and what to do.
std::string reason_detail(const Error& error);

}  // namespace cutover::dmi_wire
