#include "loader.h"

#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backends/boot_record/loader_record.h"
#include "backends/boot_record/loader_script.h"
#include "backends/grub/environment_block.h"
#include "backends/grub/grub_boot.h"
#include "backends/grub/grub_script.h"
#include "backends/grub/test_partition.h"
#include "backends/systemd_boot/boot_entry.h"
#include "backends/systemd_boot/memory_esp.h"
#include "backends/systemd_boot/systemd_boot.h"
#include "backends/uboot/redundant_environment.h"
#include "backends/uboot/uboot_boot.h"
#include "backends/uboot/uboot_script.h"
#include "base/block_file.h"
#include "base/error.h"
#include "base/files.h"
#include "model/slot.h"
#include "platform/boot_control.h"
#include "platform/kernel_command_line.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

Result<BootedAs> what_started(const std::optional<BootedAs>& started) {
    if (!started) return fail(Errc::conflict, "nothing boots");
    return *started;
}

class Grub final : public Loader {
public:
    std::string name() const override { return "grub"; }
    Result<> install(const fs::path& device) const override {
        const EnvironmentBlock format;
        return write_file_durably(device / "boot", fat_partition(format.encode({.serial = 1}),
                                                                 format.encode({.serial = 2})));
    }
    Result<BootedAs> play(const fs::path& device) const override {
        const auto disk = TRY(BlockFile::open(device / "boot"));
        return what_started(cutover::play(GrubScript(std::array{kEnv0, kEnv1}), *disk));
    }
    Result<std::unique_ptr<BootControl>> open(const fs::path& device,
                                              const BootedAs& booted) const override {
        return open_grub_boot({.device = device / "boot", .booted = booted});
    }
};

class Uboot final : public Loader {
public:
    std::string name() const override { return "uboot"; }
    Result<> install(const fs::path& device) const override {
        const RedundantEnvironment format(kEnvironmentBytes);
        return write_file_durably(device / "boot",
                                  format.encode({.serial = 1}) + format.encode({.serial = 1}));
    }
    Result<BootedAs> play(const fs::path& device) const override {
        const auto disk = TRY(BlockFile::open(device / "boot"));
        return what_started(cutover::play(UbootScript(), *disk));
    }
    Result<std::unique_ptr<BootControl>> open(const fs::path& device,
                                              const BootedAs& booted) const override {
        return open_uboot_boot({.device = device / "boot", .booted = booted});
    }
};

class SystemdLoader final : public Loader {
public:
    std::string name() const override { return "systemd-boot"; }
    Result<> install(const fs::path& device) const override {
        TRY(make_folders(entries(device)));
        const EntrySettings settings{.roots = kRoots, .arguments = "", .has_initrd = {}};
        const auto committed = TRY(format_entry({.slot = Slot::a, .version = 1}, settings));
        for (const auto* const copy : {"cutover-0.conf", "cutover-1.conf"})
            TRY(write_file_durably(entries(device) / copy, committed));
        return {};
    }
    Result<BootedAs> play(const fs::path& device) const override {
        MemoryEsp esp;
        for (const auto& file : fs::directory_iterator(entries(device)))
            esp.files[file.path().filename().string()] = TRY(read_file(file.path(), kEntryBytes));
        const auto started = PlayedLoader::boot(esp);
        for (const auto& change : esp.log)
            TRY(rename_durably(entries(device) / change.name, entries(device) / change.new_name));
        return what_started(started);
    }
    Result<std::unique_ptr<BootControl>> open(const fs::path& device,
                                              const BootedAs& booted) const override {
        return SystemdBoot::open(
            {.esp = device / "esp", .roots = kRoots, .arguments = "", .booted = booted});
    }

private:
    inline static const std::array<std::string, 2> kRoots{"PARTUUID=1", "PARTUUID=2"};
    static fs::path entries(const fs::path& device) { return device / "esp/loader/entries"; }
};

}  // namespace

std::vector<std::unique_ptr<Loader>> all_loaders() {
    std::vector<std::unique_ptr<Loader>> all;
    all.push_back(std::make_unique<Grub>());
    all.push_back(std::make_unique<Uboot>());
    all.push_back(std::make_unique<SystemdLoader>());
    return all;
}

}  // namespace cutover
