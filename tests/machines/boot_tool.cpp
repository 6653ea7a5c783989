// A boot back-end on the command line, and the loader's script as the unit tests know it, for tests
// that hold both against the real boot loader:
//
//     boot_tool grub|uboot|systemd-boot FILE SLOT REASON COMMAND...
//
// FILE is the partition with the record, or the folder with the EFI system partition's files. SLOT
// and REASON are what the boot before was (a trial).
//     open                only what an agent's start does
//     status              running, reason, committed, trial, tries left, tries
//     arm SLOT TRIES      start_trial
//     end                 end_trial
//     confirm SLOT
//     play SLOTS          what the script would start and write, when the kernels of SLOTS (ab, a,
//     b
//                         or none) can be loaded; prints slot and reason

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "backends/boot_record/loader_record.h"
#include "backends/boot_record/loader_script.h"
#include "backends/grub/environment_block.h"
#include "backends/grub/fat_file.h"
#include "backends/grub/grub_boot.h"
#include "backends/grub/grub_script.h"
#include "backends/systemd_boot/memory_esp.h"
#include "backends/systemd_boot/systemd_boot.h"
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

struct Arguments {
    std::string kind;
    std::string file;
    BootedAs booted;
    std::vector<std::string> command;
};

Result<Slot> slot_named(const std::string& name) {
    if (const auto slot = slot_from_loader_name(name)) return *slot;
    return fail(Errc::invalid, "'{}' is no slot", name);
}

Result<Arguments> read_arguments(std::span<const std::string> words) {
    if (words.size() < 5) return fail(Errc::invalid, "too few arguments");
    Arguments arguments{.kind = words[0],
                        .file = words[1],
                        .booted = {.slot = TRY(slot_named(words[2]))},
                        .command = {words.begin() + 4, words.end()}};
    for (const auto reason :
         {BootReason::normal, BootReason::trial, BootReason::fallback, BootReason::rescue})
        if (to_string(reason) == words[3]) arguments.booted.reason = reason;
    return arguments;
}

Result<std::unique_ptr<BootControl>> open_boot(const Arguments& arguments) {
    if (arguments.kind == "grub")
        return open_grub_boot({.device = arguments.file, .booted = arguments.booted});
    if (arguments.kind == "systemd-boot")
        return SystemdBoot::open({.esp = arguments.file,
                                  .roots = {"PARTUUID=c07e0000-0000-4000-8000-00000000000a",
                                            "PARTUUID=c07e0000-0000-4000-8000-00000000000b"},
                                  .arguments = "console=ttyS0",
                                  .booted = arguments.booted});
    return open_uboot_boot({.device = arguments.file, .booted = arguments.booted});
}

Result<std::string> play_systemd_boot(const Arguments& arguments) {
    MemoryEsp esp;
    const auto entries = std::filesystem::path(arguments.file) / "loader" / "entries";
    for (const auto& file : std::filesystem::directory_iterator(entries))
        esp.files[file.path().filename().string()] = TRY(read_file(file.path(), 4096));
    const auto started = PlayedLoader::boot(esp);
    for (const auto& change : esp.log)
        std::filesystem::rename(entries / change.name, entries / change.new_name);
    if (!started) return std::string("nothing");
    return fmt::format("{} {}", loader_name(started->slot), to_string(started->reason));
}

Result<std::string> play_script(const Arguments& arguments, const std::string& slots) {
    if (arguments.kind == "systemd-boot") return play_systemd_boot(arguments);
    const auto disk = TRY(BlockFile::open(arguments.file));
    const Loadable loadable{slots.contains('a'), slots.contains('b')};
    std::unique_ptr<LoaderScript> script = std::make_unique<UbootScript>();
    if (arguments.kind == "grub")
        script = std::make_unique<GrubScript>(
            std::array{TRY(find_fat_file(*disk, "ENV0", kEnvironmentBlockBytes)),
                       TRY(find_fat_file(*disk, "ENV1", kEnvironmentBlockBytes))});
    const auto started = play(*script, *disk, loadable);
    if (!started) return std::string("nothing");
    return fmt::format("{} {}", loader_name(started->slot), to_string(started->reason));
}

Result<std::string> run(const Arguments& arguments) {
    const auto& command = arguments.command;
    if (command[0] == "play" && command.size() == 2) return play_script(arguments, command[1]);
    const auto boot = TRY(open_boot(arguments));
    if (command[0] == "arm" && command.size() == 3)
        TRY(boot->start_trial(TRY(slot_named(command[1])), std::stoi(command[2])));
    else if (command[0] == "end")
        TRY(boot->end_trial());
    else if (command[0] == "confirm" && command.size() == 2)
        TRY(boot->confirm(TRY(slot_named(command[1]))));
    else if (command[0] != "status" && command[0] != "open")
        return fail(Errc::invalid, "unknown command {}", command[0]);
    const auto now = TRY(boot->status());
    return fmt::format("{} {} {} {} {} {}", loader_name(now.running), to_string(now.reason),
                       loader_name(now.committed), now.trial ? loader_name(*now.trial) : "none",
                       now.tries_left, now.tries);
}

Result<std::string> start(std::span<const std::string> words) {
    return run(TRY(read_arguments(words)));
}

}  // namespace
}  // namespace cutover

int main(int argc, char** argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    const auto answer = cutover::start(words);
    if (!answer) {
        fmt::print(stderr, "boot_tool: {}\n", answer.error().text());
        return 1;
    }
    fmt::print("{}\n", *answer);
    return 0;
}
