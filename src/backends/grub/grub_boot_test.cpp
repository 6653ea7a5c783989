#include "backends/grub/grub_boot.h"

#include <array>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "backends/boot_record/record_bench.h"
#include "backends/boot_record/record_boot_conformance.h"
#include "backends/boot_record/recorded_disk.h"
#include "backends/grub/environment_block.h"
#include "backends/grub/grub_script.h"
#include "backends/grub/test_partition.h"
#include "base/block_file.h"
#include "base/error.h"
#include "base/files.h"
#include "model/slot.h"
#include "platform/boot_control.h"
#include "platform/boot_control_conformance.h"
#include "platform/kernel_command_line.h"

namespace cutover {
namespace {

RecordKind grub_kind() {
    const EnvironmentBlock format;
    return {.disk = fat_partition(format.encode({.serial = 1}), format.encode({.serial = 2})),
            .offsets = {kEnv0, kEnv1},
            .script = std::make_shared<GrubScript>(std::array{kEnv0, kEnv1}),
            .open = [](std::unique_ptr<BlockFile> disk, BootedAs booted) {
                return open_grub_boot(std::move(disk), booted);
            }};
}

INSTANTIATE_TEST_SUITE_P(Grub, BootControlConformance, testing::Values([] {
                             return std::make_unique<RecordBench>(grub_kind());
                         }));
INSTANTIATE_TEST_SUITE_P(Grub, RecordBootConformance, testing::Values(&grub_kind));

Error refusal(const std::string& partition) {
    auto opened = open_grub_boot(std::make_unique<RecordedDisk>(partition), {});
    EXPECT_FALSE(opened);
    return opened ? Error{} : opened.error();
}

TEST(GrubBoot, KeepsTheRecordInTheFilesThatGrubReads) {
    auto folder = TempFolder::create(testing::TempDir(), "grub");
    const auto path = folder->path() / "partition";
    std::ofstream(path) << grub_kind().disk;
    {
        const auto boot = open_grub_boot({.device = path, .booted = {.slot = Slot::a}});
        ASSERT_TRUE(boot) << boot.error().text();
        ASSERT_TRUE((*boot)->start_trial(Slot::b, 2));
    }
    const auto disk = read_file(path, 1'000'000).value_or("");
    auto variables = read_environment_block(disk.substr(kEnv0, kEnvironmentBlockBytes));
    EXPECT_EQ(variables["cutover_trial"], "b");
    EXPECT_EQ(variables["cutover_left"], "2");
    EXPECT_EQ(disk.substr(0, 2048), grub_kind().disk.substr(0, 2048))
        << "the file system is as it was";
}

TEST(GrubBoot, APartitionOfAnotherKindIsRefused) {
    EXPECT_EQ(refusal(std::string(65536, '\0')).id, "boot.grub_bad_partition");
    EXPECT_EQ(refusal(fat_partition("", "", {.file_bytes = 512})).id, "boot.grub_bad_partition");
    EXPECT_EQ(refusal("").kind, Errc::corrupt);
}

TEST(GrubBoot, CopiesThatCouldGoTogetherAreRefused) {
    const auto error = refusal(fat_partition("", "", {.cluster_sectors = 2}));
    EXPECT_EQ(error.id, "boot.grub_bad_partition");
    EXPECT_NE(error.message.find("share 4096 bytes"), std::string::npos) << error.message;
}

}  // namespace
}  // namespace cutover
