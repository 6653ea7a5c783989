#include "backends/boot_record/loader_record.h"

#include <optional>

#include <gtest/gtest.h>

#include "model/slot.h"

namespace cutover {
namespace {

TEST(LoaderRecord, GoesThroughItsVariablesAndBack) {
    const LoaderRecord with_trial{
        .committed = Slot::b, .trial = Slot::a, .tries_left = 1, .tries = 3};
    EXPECT_EQ(from_variables(to_variables(with_trial)), with_trial);
    EXPECT_EQ(from_variables(to_variables({})), LoaderRecord{});
}

TEST(LoaderRecord, AMissingOrSenselessVariableIsNoRecord) {
    for (const auto* const name :
         {"cutover_committed", "cutover_trial", "cutover_left", "cutover_tries"}) {
        for (const auto* const value : {"", "c", "10", "-1", "aa"}) {
            auto variables = to_variables({});
            variables[name] = value;
            EXPECT_EQ(from_variables(variables), std::nullopt) << name << "=" << value;
            variables.erase(name);
            EXPECT_EQ(from_variables(variables), std::nullopt) << name;
        }
    }
}

}  // namespace
}  // namespace cutover
