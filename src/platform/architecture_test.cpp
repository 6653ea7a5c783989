#include "platform/architecture.h"

#include <gtest/gtest.h>

namespace cutover {
namespace {

TEST(DebianArchitecture, TranslatesTheMachinesName) {
    EXPECT_EQ(debian_architecture("x86_64"), "amd64");
    EXPECT_EQ(debian_architecture("aarch64"), "arm64");
    EXPECT_EQ(debian_architecture("riscv64"), "riscv64");
}

}  // namespace
}  // namespace cutover
