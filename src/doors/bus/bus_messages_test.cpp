#include "doors/bus/bus_messages.h"

#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "dmi/hw_events_mgmt_service.pb.h"
#include "doors/dmi/event_message.h"
#include "model/device_config.h"
#include "model/event.h"
#include "model/operation.h"
#include "store/outbox.h"

namespace cutover {
namespace {

using testing::HasSubstr;

const dmi_wire::EventSource kSource{.device_uuid = "c0ffee00-1111-4222-8333-444455556666",
                                    .device_name = "edge-7"};

OutboxEvent event_of(const std::string& type, OperationState state, Stage stage) {
    return {.sequence = 9,
            .event = {.sequence = 12,
                      .time = WallTime(std::chrono::milliseconds(1'600'000'000'007)),
                      .type = type,
                      .operation = 3,
                      .text = "words"},
            .operation = Operation{.id = 3,
                                   .title = "upgrade base nos 1.0.0 -> 1.1.0",
                                   .request = {.kind = OperationKind::upgrade},
                                   .state = state,
                                   .stage = stage}};
}

std::vector<dmi::Event> decoded(const OutboxEvent& event) {
    std::vector<dmi::Event> messages;
    for (const auto& bytes : bus_messages(kSource, EventEncoding::protobuf, event))
        EXPECT_TRUE(messages.emplace_back().ParseFromString(bytes));
    return messages;
}

TEST(BusMessages, TellOfAnEventAndOfTheImageThatItConcerns) {
    const auto messages =
        decoded(event_of("operation.done", OperationState::done, Stage::postexecute));
    ASSERT_EQ(messages.size(), 2U);
    EXPECT_EQ(messages.front().event_metadata().device_uuid().uuid(), kSource.device_uuid);
    EXPECT_EQ(messages.front().generic_event_info().message_code(), "operation.done");
    EXPECT_EQ(messages.front().raised_ts().seconds(), 1'600'000'000);
    EXPECT_EQ(messages.back().event_id(), dmi::EVENT_COMPONENT_GENERIC_EVENT);
    EXPECT_EQ(messages.back().generic_event_info().message_code(), "IMAGE_STATUS");
    EXPECT_THAT(messages.back().add_info(), HasSubstr("ACTIVATION_COMPLETE"));
}

TEST(BusMessages, ProgressOfAnImageIsItsStatusOnly) {
    auto event = event_of("operation.progress", OperationState::running, Stage::install);
    event.progress = Progress{.operation = 3, .done_bytes = 50, .total_bytes = 200};
    const auto messages = decoded(event);
    ASSERT_EQ(messages.size(), 1U);
    EXPECT_THAT(messages.front().add_info(), HasSubstr("25 %"));
    event.operation->title = "install feature web 1.1.0";
    ASSERT_EQ(decoded(event).size(), 1U);
    EXPECT_EQ(decoded(event).front().generic_event_info().message_code(), "operation.progress");
}

TEST(BusMessages, AlarmsCarryTheirSeverityAndText) {
    OutboxEvent event{.event = {.type = "alarm.raised", .text = "upgrade-failed"},
                      .alarm = Alarm{.name = "upgrade-failed",
                                     .severity = Severity::major,
                                     .text = "the web server does not answer"}};
    const auto messages = decoded(event);
    ASSERT_EQ(messages.size(), 1U);
    EXPECT_EQ(messages.front().generic_event_info().message(), "the web server does not answer");
    EXPECT_EQ(messages.front().generic_event_info().severity(), dmi::GenericEventInfo::MAJOR);
}

TEST(BusMessages, AreTheSameEachTimeInEitherEncoding) {
    const auto event = event_of("stage.started", OperationState::running, Stage::install);
    for (const auto encoding : {EventEncoding::protobuf, EventEncoding::json})
        EXPECT_EQ(bus_messages(kSource, encoding, event), bus_messages(kSource, encoding, event));
    EXPECT_THAT(bus_messages(kSource, EventEncoding::json, event).front(),
                HasSubstr(R"("event_id":705,"raised_ts":{"seconds":1600000000,"nanos":7000000})"));
}

TEST(BusMessages, EventsOfNoOperationAreToldOnce) {
    EXPECT_EQ(decoded({.event = {.type = "hardware.appeared", .text = "lc-1"}}).size(), 1U);
}

}  // namespace
}  // namespace cutover
