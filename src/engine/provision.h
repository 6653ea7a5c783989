#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/byte_source.h"
#include "base/clock.h"
#include "base/error.h"
#include "engine/package_source.h"
#include "model/generation.h"
#include "model/manifest.h"
#include "platform/boot_control.h"
#include "platform/config_data.h"
#include "platform/host.h"
#include "platform/layers.h"
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
    ConfigData* configuration = nullptr;  // null: YANG modules describe none here
};

// Gives a device that has none its first base: into slot A, committed from the start (generation
// 1). Refused on a device that has a generation already. Cut in the middle, it may be done again.
Result<PackageRef> provision(const NewDevice& device, const std::string& base,
                             std::stop_token stop);

// What lies on top of its base, in this order: files of packages, written into layers that it
// starts with. For a device that was just provisioned; it then has a generation of base and
// packages.
Result<> provide_packages(const NewDevice& device, LayerStore& layers,
                          const std::vector<std::string>& files, int update_level);

// A device whose image is being built.
struct UnbornDevice {
    Store& store;
    Host& host;
    PackageSource& packages;
    Clock& clock;
    ConfigData* configuration = nullptr;
};

// Makes the base's slot claim what it holds already; refuses where it holds something else.
using TakeOver = std::function<Result<>(const Manifest& manifest, ByteSource& content)>;

// The same for a device on which nothing runs yet and whose slot A was filled by who builds its
// image: everything is recorded and nothing written but records. The boot loader's own record is
// the builder's too, and must say that A is committed.
Result<PackageRef> adopt(const UnbornDevice& device, const std::string& base,
                         const TakeOver& take_over, std::stop_token stop);

}  // namespace cutover
