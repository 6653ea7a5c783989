#include "backends/uboot/redundant_environment.h"

#include <cstddef>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "backends/boot_record/loader_record.h"
#include "model/slot.h"

namespace cutover {
namespace {

const RedundantEnvironment kFormat(1024);
const LoaderRecord kRecord{
    .serial = 7, .committed = Slot::b, .trial = Slot::a, .tries_left = 3, .tries = 3};

TEST(RedundantEnvironment, IsTheCrcTheFlagAndTheVariables) {
    const auto bytes = kFormat.encode(kRecord);
    ASSERT_EQ(bytes.size(), 1024U);
    EXPECT_EQ(bytes[4], '\x07');
    const std::string data(
        "cutover_committed=b\0cutover_left=3\0cutover_trial=a\0cutover_tries=3\0", 67);
    EXPECT_EQ(bytes.substr(5, data.size()), data);
    EXPECT_EQ(bytes.find_first_not_of('\0', 5 + data.size()), std::string::npos);
    EXPECT_EQ(kFormat.decode(bytes), kRecord);
}

TEST(RedundantEnvironment, AnyChangedByteButTheFlagIsNoticed) {
    const auto good = kFormat.encode(kRecord);
    for (std::size_t at = 0; at < good.size(); ++at) {
        if (at == 4) continue;
        auto bytes = good;
        bytes[at] = static_cast<char>(bytes[at] ^ 1);
        EXPECT_EQ(kFormat.decode(bytes), std::nullopt) << at;
    }
}

TEST(RedundantEnvironment, SerialsGoRoundAsUBootCountsThem) {
    EXPECT_EQ(kFormat.after(255), 0U);
    EXPECT_EQ(kFormat.before(0), 255U);
    EXPECT_TRUE(kFormat.newer(0, 255));
    EXPECT_FALSE(kFormat.newer(255, 0));
    EXPECT_TRUE(kFormat.newer(2, 1));
    EXPECT_FALSE(kFormat.newer(1, 1));
}

TEST(RedundantEnvironment, OtherVariablesDoNoHarm) {
    auto variables = to_variables(kRecord);
    variables["serverip"] = "10.0.0.1";
    EXPECT_EQ(kFormat.decode(write_environment(variables, 7, 1024)), kRecord);
    EXPECT_EQ(kFormat.decode(write_environment({{"serverip", "10.0.0.1"}}, 7, 1024)), std::nullopt);
    EXPECT_EQ(kFormat.decode(""), std::nullopt);
}

}  // namespace
}  // namespace cutover
