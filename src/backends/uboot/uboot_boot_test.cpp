#include "backends/uboot/uboot_boot.h"

#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "backends/boot_record/record_bench.h"
#include "backends/boot_record/record_boot_conformance.h"
#include "backends/boot_record/recorded_disk.h"
#include "backends/uboot/redundant_environment.h"
#include "backends/uboot/uboot_script.h"
#include "base/block_file.h"
#include "base/error.h"
#include "base/files.h"
#include "model/slot.h"
#include "platform/boot_control.h"
#include "platform/boot_control_conformance.h"
#include "platform/kernel_command_line.h"

namespace cutover {
namespace {

RecordKind uboot_kind() {
    const RedundantEnvironment format(kEnvironmentBytes);
    auto disk = format.encode({.serial = 1}) + format.encode({.serial = 1});
    disk.resize(4 * kEnvironmentBytes, '\0');
    return {.disk = std::move(disk),
            .offsets = {0, kEnvironmentBytes},
            .script = std::make_shared<UbootScript>(),
            .open = [](std::unique_ptr<BlockFile> file, BootedAs booted) {
                return open_uboot_boot(std::move(file), {.device = {}, .booted = booted});
            }};
}

INSTANTIATE_TEST_SUITE_P(Uboot, BootControlConformance, testing::Values([] {
                             return std::make_unique<RecordBench>(uboot_kind());
                         }));
INSTANTIATE_TEST_SUITE_P(Uboot, RecordBootConformance, testing::Values(&uboot_kind));

std::string refusal(const UbootBootOptions& options) {
    auto opened =
        open_uboot_boot(std::make_unique<RecordedDisk>(std::string(16384, '\0')), options);
    EXPECT_FALSE(opened);
    return opened ? "" : opened.error().id;
}

TEST(UbootBoot, WritesOnlyItsOwnBytesOfADisk) {
    auto folder = TempFolder::create(testing::TempDir(), "uboot");
    const auto path = folder->path() / "disk";
    std::ofstream(path) << std::string(16384, 'x');
    const UbootBootOptions options{
        .device = path, .offsets = {8192, 1024}, .size = 1024, .booted = {.slot = Slot::b}};
    const auto boot = open_uboot_boot(options);
    ASSERT_TRUE(boot) << boot.error().text();
    EXPECT_EQ((*boot)->status()->committed, Slot::b) << "it ran, and there was no record";
    const auto disk = read_file(path, 1'000'000).value_or("");
    EXPECT_EQ(disk.substr(0, 1024), std::string(1024, 'x'));
    EXPECT_EQ(disk.substr(2048, 6144), std::string(6144, 'x'));
    EXPECT_EQ(disk.substr(9216), std::string(16384 - 9216, 'x'));
    EXPECT_EQ(read_environment(disk.substr(8192, 1024))["cutover_committed"], "b");
}

TEST(UbootBoot, APlaceThatCannotHoldTwoCopiesIsRefused) {
    EXPECT_EQ(refusal({.offsets = {0, 512}, .size = 1024}), "boot.uboot_bad_place");
    EXPECT_EQ(refusal({.offsets = {0, 4096}, .size = 4000}), "boot.uboot_bad_place");
    EXPECT_EQ(refusal({.offsets = {0, 4097}}), "boot.uboot_bad_place");
    EXPECT_EQ(refusal({.offsets = {0, 16384}}), "boot.uboot_bad_place");
    EXPECT_EQ(refusal({.offsets = {0, 4096}, .size = 0}), "boot.uboot_bad_place");
    EXPECT_EQ(refusal({.offsets = {4096, 4096}}), "boot.uboot_bad_place");
}

}  // namespace
}  // namespace cutover
