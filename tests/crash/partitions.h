#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "backends/block/block_slots.h"
#include "base/error.h"
#include "life.h"
#include "loader.h"
#include "model/operation.h"

namespace cutover {

inline constexpr auto kOldVersion = "1.0.0";
inline constexpr auto kNewVersion = "1.1.0";
inline constexpr auto kSickVersion = "1.2.0";  // fails its health check

// Signed releases whose payload is an image, and devices of files that stand for partitions:
//
//     DEVICE/boot or esp/   the boot loader's
//     DEVICE/slot-a slot-b
//     DEVICE/data/          the data partition; the agent's folder is data/cutover
class ImageWorkshop {
public:
    static Result<ImageWorkshop> open(const std::filesystem::path& folder);

    std::string package(const std::string& version) const;
    std::filesystem::path trust() const { return folder_ / "trust"; }
    static std::string image(const std::string& version);  // as long as a slot
    // 1.0.0 in slot A.
    Result<> make_device(const Loader& loader, const std::filesystem::path& device) const;

private:
    explicit ImageWorkshop(std::filesystem::path folder) : folder_(std::move(folder)) {}
    std::filesystem::path folder_;
};

// What lives on a device.
struct Machine {
    const ImageWorkshop& workshop;
    const Loader& loader;
    std::filesystem::path device;
    bool trials_come_up = true;  // false: on trial, no agent ever starts

    // One boot: the loader, then the agent until it wants to restart or has nothing left to do.
    Result<LifeEnd> live(const std::optional<Request>& request) const;
    // Boots without a request until nothing is left to do.
    Result<> settle() const;

    BlockSlots::Options slots() const;
    std::filesystem::path folder() const { return device / "data/cutover"; }
};

}  // namespace cutover
