#pragma once

#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "engine/package_source.h"
#include "model/generation.h"
#include "platform/boot_control.h"
#include "platform/host.h"
#include "platform/slot_store.h"
#include "store/store.h"

namespace cutover {

struct NewDevice {
    Store& store;
    BootControl& boot;
    SlotStore& slots;
    Host& host;
    PackageSource& packages;
    Clock& clock;
};

// Gives a device that has none its first base: into slot A, committed from the start (generation
// 1). Refused on a device that has a generation already. Cut in the middle, it may be done again.
Result<PackageRef> provision(const NewDevice& device, const std::string& base,
                             std::stop_token stop);

}  // namespace cutover
