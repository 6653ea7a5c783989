#include "backends/machine/machine_host.h"

#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "model/manifest.h"
#include "platform/architecture.h"

namespace cutover {
namespace {

using testing::HasSubstr;

TEST(MachineHost, TellsWhatItWasToldAndTheArchitectureItself) {
    MachineHost host({.hardware = {"box-1", "box"}, .boot_id = "b", .data = "/data"});
    EXPECT_EQ(host.hardware().front(), "box-1");
    EXPECT_EQ(host.architecture(), this_architecture());
    EXPECT_EQ(host.environment().at("CUTOVER_DATA"), "/data");
    EXPECT_EQ(host.root(), "/");
}

TEST(MachineHost, TheNextWayToRestartIsTriedWhenOneFails) {
    int restarted = 0;
    MachineHost host(
        {.reboot = {[]() -> Result<> { return fail(Errc::unavailable, "nobody answers"); },
                    [&]() -> Result<> {
                        ++restarted;
                        return {};
                    },
                    [&]() -> Result<> {
                        restarted += 100;
                        return {};
                    }}});
    EXPECT_TRUE(host.reboot());
    EXPECT_EQ(restarted, 1);
}

TEST(MachineHost, WhenNoWayToRestartWorksEachIsTold) {
    MachineHost host({.reboot = {[]() -> Result<> { return fail(Errc::io, "first"); },
                                 []() -> Result<> { return fail(Errc::io, "second"); }}});
    const auto asked = host.reboot();
    ASSERT_FALSE(asked);
    EXPECT_EQ(asked.error().id, "machine.no_reboot");
    EXPECT_THAT(asked.error().text(), HasSubstr("first; second"));
}

TEST(MachineHost, ProbesRunOnTheMachineItself) {
    MachineHost host({.data = "/data"});
    const HealthSpec check{.name = "shell",
                           .exec = {"/bin/sh", "-c", "test $CUTOVER_DATA = /data"}};
    const auto answer = host.probe(check, {});
    EXPECT_TRUE(answer) << answer.error().text();
}

TEST(KernelBootId, StaysTheSameUntilTheNextBoot) {
    const auto id = kernel_boot_id();
    ASSERT_TRUE(id);
    EXPECT_EQ(id->size(), 36U);
    EXPECT_EQ(*id, *kernel_boot_id());
}

TEST(KernelBootId, WhatIsNoneIsRefused) {
    const auto folder = TempFolder::create(testing::TempDir(), "id").value();
    for (const auto* const text : {"", "\n", "a b\n", "../x\n"}) {
        std::ofstream(folder.path() / "id") << text;
        EXPECT_FALSE(kernel_boot_id(folder.path() / "id")) << text;
    }
}

}  // namespace
}  // namespace cutover
