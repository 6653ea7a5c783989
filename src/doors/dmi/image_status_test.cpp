#include "doors/dmi/image_status.h"

#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "dmi/commons.pb.h"
#include "dmi/sw_image.pb.h"
#include "model/device.h"
#include "model/event.h"
#include "model/generation.h"
#include "model/operation.h"
#include "model/slot.h"

namespace cutover::dmi_wire {
namespace {

using Status = ::dmi::ImageStatus;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Operation operation(OperationKind kind, OperationState state, Stage stage) {
    return {.id = 3,
            .title = std::string(to_string(kind)) + " base nos 1.1.0",
            .request = {.kind = kind},
            .state = state,
            .stage = stage};
}

Status::ImageState state_of(const Operation& operation) {
    const auto status = image_status(operation);
    return status ? status->state() : Status::UNDEFINED_STATE;
}

std::vector<Status::ImageState> states(const std::vector<Status>& list) {
    std::vector<Status::ImageState> result;
    result.reserve(list.size());
    for (const auto& status : list) result.push_back(status.state());
    return result;
}

Status with_state(Status::ImageState state) {
    Status status;
    status.set_state(state);
    return status;
}

TEST(ImageStatus, ADownloadCopiesInstallsAndIsComplete) {
    const auto at = [](OperationState state, Stage stage) {
        return state_of(operation(OperationKind::install, state, stage));
    };
    EXPECT_EQ(at(OperationState::running, Stage::prep), Status::COPYING_IMAGE);
    EXPECT_EQ(at(OperationState::running, Stage::install), Status::COPYING_IMAGE);
    EXPECT_EQ(at(OperationState::running, Stage::configure), Status::INSTALLING_IMAGE);
    EXPECT_EQ(at(OperationState::done, Stage::postexecute), Status::UPGRADE_COMPLETE);
    EXPECT_EQ(at(OperationState::failed, Stage::install), Status::UPGRADE_FAILED);
    EXPECT_EQ(at(OperationState::refused, Stage::prep), Status::UPGRADE_FAILED);
}

TEST(ImageStatus, AnActivationRebootsCommitsAndIsComplete) {
    for (const auto kind : {OperationKind::activate, OperationKind::revert}) {
        auto activation = operation(kind, OperationState::running, Stage::prep);
        EXPECT_EQ(state_of(activation), Status::REBOOTING_DEVICE);
        activation.stage = Stage::postexecute;
        activation.reboots = 1;
        EXPECT_EQ(state_of(activation), Status::COMMITTING_IMAGE);
        activation.state = OperationState::on_trial;
        EXPECT_EQ(state_of(activation), Status::COMMITTING_IMAGE);
        activation.state = OperationState::done;
        EXPECT_EQ(state_of(activation), Status::ACTIVATION_COMPLETE);
        activation.state = OperationState::failed;
        EXPECT_EQ(state_of(activation), Status::ACTIVATION_FAILED);
    }
}

TEST(ImageStatus, AWholeUpgradeGoesThroughBothMachines) {
    auto upgrade = operation(OperationKind::upgrade, OperationState::running, Stage::install);
    EXPECT_EQ(state_of(upgrade), Status::COPYING_IMAGE);
    upgrade.stage = Stage::postexecute;
    EXPECT_EQ(state_of(upgrade), Status::REBOOTING_DEVICE);
    upgrade.state = OperationState::failed;
    EXPECT_EQ(state_of(upgrade), Status::ACTIVATION_FAILED);
    upgrade.stage = Stage::configure;
    EXPECT_EQ(state_of(upgrade), Status::UPGRADE_FAILED);
}

TEST(ImageStatus, PackagesOnTopAreNoImages) {
    auto install = operation(OperationKind::install, OperationState::running, Stage::install);
    install.title = "install bgp 8.4.2";
    EXPECT_EQ(image_status(install), std::nullopt);
    install.request.asked_by = "alice@ipv4:192.0.2.1:4000 (dmi)";  // who asks for images only
    EXPECT_NE(image_status(install), std::nullopt);
}

TEST(ImageStatus, ProgressIsToldInTheDescription) {
    const auto install = operation(OperationKind::install, OperationState::running, Stage::install);
    const Progress progress{.operation = 3,
                            .stage = Stage::install,
                            .step = "write slot B",
                            .done_bytes = 25,
                            .total_bytes = 100,
                            .bytes_per_second = 5};
    const auto status = image_status(install, &progress).value_or(Status());
    EXPECT_EQ(status.status(), ::dmi::OK_STATUS);
    EXPECT_THAT(status.description(), HasSubstr("25 %"));
}

TEST(ImageStatus, AFailureSaysItsReasonAndKeepsTheErrorsId) {
    auto failed = operation(OperationKind::install, OperationState::failed, Stage::install);
    failed.error = Error{.kind = Errc::untrusted,
                         .id = "transfer.wrong_checksum",
                         .message = "another sum",
                         .cause = "",
                         .remedy = "send it again"};
    const auto status = image_status(failed).value_or(Status());
    EXPECT_EQ(status.status(), ::dmi::ERROR_STATUS);
    EXPECT_EQ(status.reason(), Status::WRONG_IMAGE_CHECKSUM);
    EXPECT_THAT(status.reason_detail(), HasSubstr("[transfer.wrong_checksum] another sum"));
    failed.error.reset();
    EXPECT_EQ(image_status(failed).value_or(Status()).reason(), Status::INTERNAL_ERROR);
}

TEST(ImageStatus, AReaderIsShownTheStatesThatPassedUnseen) {
    const auto to = [](Status::ImageState last, Status::ImageState wanted) {
        return states(with_passed_states(last, with_state(wanted)));
    };
    EXPECT_THAT(to(Status::COPYING_IMAGE, Status::UPGRADE_COMPLETE),
                ElementsAre(Status::INSTALLING_IMAGE, Status::UPGRADE_COMPLETE));
    EXPECT_THAT(to(Status::REBOOTING_DEVICE, Status::ACTIVATION_COMPLETE),
                ElementsAre(Status::COMMITTING_IMAGE, Status::ACTIVATION_COMPLETE));
    EXPECT_THAT(to(Status::COPYING_IMAGE, Status::COPYING_IMAGE),
                ElementsAre(Status::COPYING_IMAGE));
    EXPECT_THAT(to(Status::INSTALLING_IMAGE, Status::UPGRADE_COMPLETE),
                ElementsAre(Status::UPGRADE_COMPLETE));
    EXPECT_THAT(to(Status::COPYING_IMAGE, Status::UPGRADE_FAILED),
                ElementsAre(Status::UPGRADE_FAILED));
}

TEST(ImageState, AnInstalledStandbyThatNeverRanIsUpgradeComplete) {
    DeviceState state;
    state.active_slot = Slot::a;
    state.slots = {{.slot = Slot::a, .state = SlotState::installed, .committed_once = true},
                   {.slot = Slot::b, .state = SlotState::installed}};
    EXPECT_EQ(image_state(state), Status::UPGRADE_COMPLETE);
    state.slots[1].committed_once = true;
    EXPECT_EQ(image_state(state), Status::UNDEFINED_STATE);
    state.slots[1] = {.slot = Slot::b, .state = SlotState::bad};
    EXPECT_EQ(image_state(state), Status::UNDEFINED_STATE);
    state.current = operation(OperationKind::install, OperationState::running, Stage::install);
    EXPECT_EQ(image_state(state), Status::COPYING_IMAGE);
}

}  // namespace
}  // namespace cutover::dmi_wire
