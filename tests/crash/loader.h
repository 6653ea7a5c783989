#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "platform/boot_control.h"
#include "platform/kernel_command_line.h"

namespace cutover {

// A boot loader of real devices and the back-end for it, on files: the partition `boot`, or the
// folder `esp`, in the device's folder.
class Loader {
public:
    virtual ~Loader() = default;
    virtual std::string name() const = 0;
    virtual Result<> install(const std::filesystem::path& device) const = 0;
    // What it starts, having counted it; an error when it starts nothing.
    virtual Result<BootedAs> play(const std::filesystem::path& device) const = 0;
    virtual Result<std::unique_ptr<BootControl>> open(const std::filesystem::path& device,
                                                      const BootedAs& booted) const = 0;
};

std::vector<std::unique_ptr<Loader>> all_loaders();

}  // namespace cutover
