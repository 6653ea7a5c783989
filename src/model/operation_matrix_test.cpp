#include "model/operation_matrix.h"

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "model/operation.h"
#include "model/package_kind.h"

namespace cutover {
namespace {

using enum PackageKind;
using enum OperationKind;
using testing::AllOf;
using testing::HasSubstr;

constexpr std::array kKinds{base, feature, hardware, patch, module, pack};
constexpr std::array kOperations{install, uninstall, upgrade, rollback};
constexpr std::array kAllModes{Mode::automatic, Mode::in_service, Mode::next_startup};

// The table once more, as the design has it: for each kind the four operations, for each of them
// automatic, in service, next startup; y is allowed.
constexpr std::array<std::string_view, 6> kDesign{
    "y-y --- y-y y-y",  // base
    "yyy yyy yyy yyy",  // feature
    "yyy yyy yyy yyy",  // hardware
    "yyy yyy --- yyy",  // patch
    "yyy yyy --- yyy",  // module
    "yyy --- yyy yyy",  // pack
};

template <typename Visit>
void for_each_cell(Visit visit) {
    for (std::size_t k = 0; k < kKinds.size(); ++k)
        for (std::size_t o = 0; o < kOperations.size(); ++o)
            for (std::size_t m = 0; m < kAllModes.size(); ++m)
                visit(kKinds.at(k), kOperations.at(o), kAllModes.at(m),
                      kDesign.at(k).at(o * 4 + m) == 'y');
}

TEST(OperationMatrix, IsTheTableOfTheDesign) {
    for_each_cell([](PackageKind kind, OperationKind operation, Mode mode, bool allowed) {
        EXPECT_EQ(matrix_cell(kind, operation, mode).allowed, allowed)
            << to_string(operation) << " of " << to_string(kind) << ", " << to_string(mode);
        EXPECT_EQ(check_matrix(kind, operation, mode).has_value(), allowed);
    });
}

TEST(OperationMatrix, EachRefusalNamesItsRowItsRuleAndWhatToDoInstead) {
    for_each_cell([](PackageKind kind, OperationKind operation, Mode mode, bool allowed) {
        if (allowed) return;
        const auto error = check_matrix(kind, operation, mode).error();
        EXPECT_EQ(error.id, "plan.matrix");
        EXPECT_EQ(error.kind, Errc::refused);
        EXPECT_THAT(error.message, AllOf(HasSubstr(std::string(to_string(kind)) + " package"),
                                         HasSubstr(std::string(to_string(operation)))));
        EXPECT_THAT(error.cause, HasSubstr("a " + std::string(to_string(kind))));
        EXPECT_FALSE(error.general_cause);
        EXPECT_THAT(error.remedy, HasSubstr("`cutover "));
        EXPECT_TRUE(error.remedy.ends_with('.'));
    });
}

TEST(OperationMatrix, ABaseInServiceIsRefusedInWords) {
    const auto error = check_matrix(base, upgrade, Mode::in_service).error();
    EXPECT_EQ(error.message, "upgrade of a base package in service is refused");
    EXPECT_EQ(error.cause, "a base takes effect at a startup, never in service");
    EXPECT_THAT(error.remedy, HasSubstr("--mode next-startup"));
}

TEST(OperationMatrixDeathTest, IsNotAskedAboutOtherOperations) {
    EXPECT_DEATH(matrix_cell(feature, reboot, Mode::automatic), "broken invariant");
}

}  // namespace
}  // namespace cutover
