#include "doors/dmi/event_message.h"

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "dmi/commons.pb.h"
#include "dmi/hw_events_mgmt_service.pb.h"
#include "dmi/hw_metrics_mgmt_service.pb.h"
#include "dmi/sw_image.pb.h"
#include "model/event.h"

namespace cutover::dmi_wire {
namespace {

const EventSource kSource{.device_uuid = "7e57ab1e-0000-4000-8000-000000000001",
                          .device_name = "box-7"};
const WallTime kTime(std::chrono::milliseconds(1'795'000'000'123));

std::string bytes_of(std::string_view hex) {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
    return bytes;
}

TEST(EventMessage, SaysWhoWhenAndWhat) {
    const auto message = event_message(kSource, Event{.sequence = 12,
                                                      .time = kTime,
                                                      .type = "operation.failed",
                                                      .operation = 3,
                                                      .text = "the trial failed"});
    EXPECT_EQ(message.event_metadata().device_uuid().uuid(), kSource.device_uuid);
    EXPECT_EQ(message.event_metadata().component_name(), "box-7");
    EXPECT_EQ(message.event_id(), ::dmi::EVENT_COMPONENT_GENERIC_EVENT);
    EXPECT_EQ(message.raised_ts().seconds(), 1'795'000'000);
    EXPECT_EQ(message.raised_ts().nanos(), 123'000'000);
    EXPECT_EQ(message.generic_event_info().message_code(), "operation.failed");
    EXPECT_EQ(message.generic_event_info().message(), "the trial failed");
    EXPECT_EQ(message.generic_event_info().severity(), ::dmi::GenericEventInfo::MAJOR);
    EXPECT_EQ(message.add_info(), R"({"sequence": 12, "operation": 3})");
}

TEST(EventMessage, ARestartHasTheIdOfARestart) {
    EXPECT_EQ(event_id({.type = "device.restarted"}), ::dmi::EVENT_HW_DEVICE_REBOOT);
    EXPECT_EQ(event_id({.type = "mark.moved"}), ::dmi::EVENT_COMPONENT_GENERIC_EVENT);
}

TEST(EventMessage, AnAlarmThatIsClearedIsNormal) {
    Alarm alarm{.name = "upgrade-failed", .severity = Severity::critical, .raised = kTime};
    EXPECT_EQ(event_message(kSource, alarm).generic_event_info().severity(),
              ::dmi::GenericEventInfo::CRITICAL);
    alarm.cleared = kTime + std::chrono::seconds(7);
    const auto cleared = event_message(kSource, alarm);
    EXPECT_EQ(cleared.generic_event_info().severity(), ::dmi::GenericEventInfo::NORMAL);
    EXPECT_EQ(cleared.raised_ts().seconds(), 1'795'000'007);
}

TEST(EventMessage, AnImagesStatusCanBeReadBackFromTheEvent) {
    ::dmi::ImageStatus status;
    status.set_status(::dmi::ERROR_STATUS);
    status.set_state(::dmi::ImageStatus::UPGRADE_FAILED);
    status.set_reason(::dmi::ImageStatus::INVALID_IMAGE);
    status.set_reason_detail("not signed");
    const auto message = event_message(kSource, status, kTime);
    EXPECT_EQ(message.generic_event_info().message_code(), "IMAGE_STATUS");
    ::dmi::ImageStatus read;
    ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(message.add_info(), &read).ok());
    EXPECT_EQ(read.SerializeAsString(), status.SerializeAsString());
}

TEST(EventMessage, BytesThatAreNoTextDoNoHarm) {
    const auto message = event_message(kSource, Event{.type = "stage.ended", .text = "a\xff"});
    EXPECT_EQ(message.generic_event_info().message(), "a\uFFFD");
    EXPECT_NE(encoded(message, Encoding::json), "{}");
}

TEST(EventMessage, JsonHasTheNamesOfTheProtocol) {
    const auto message = event_message(kSource, Event{.time = kTime, .type = "device.restarted"});
    const auto json = encoded(message, Encoding::json);
    EXPECT_NE(json.find(R"("event_id":"EVENT_HW_DEVICE_REBOOT")"), std::string::npos) << json;
    ::dmi::Event read;
    ASSERT_TRUE(read.ParseFromString(encoded(message, Encoding::binary)));
    EXPECT_EQ(read.SerializeAsString(), message.SerializeAsString());
}

TEST(ComponentUuid, IsTheSameForTheSamePartAndAnotherForEveryOther) {
    const auto uuid = component_uuid(kSource.device_uuid, "cpu");
    EXPECT_EQ(uuid, component_uuid(kSource.device_uuid, "cpu"));
    EXPECT_NE(uuid, component_uuid(kSource.device_uuid, "memory"));
    EXPECT_NE(uuid, component_uuid("another", "cpu"));
    EXPECT_EQ(uuid.size(), 36U);
    EXPECT_EQ(uuid.at(14), '8');
    EXPECT_NE(std::string("89ab").find(uuid.at(19)), std::string::npos);
}

// As a device manager of others has sent them.
TEST(DmiMessages, AreReadAndWrittenByteForByteAsByOthers) {
    const auto event = bytes_of(
        "0a610a260a2438346634366664652d383966612d356132662d626534612d3664313861626536653935331226"
        "0a2433363863366634312d353634632d353832312d386531352d3732316638313833383766631a0f74656d70"
        "6572617475726520302f3110f7031a06088082cdfe0522100a021000120a0a080a02104112021001");
    ::dmi::Event read;
    ASSERT_TRUE(read.ParseFromString(event));
    EXPECT_EQ(read.event_id(), ::dmi::EVENT_HW_DEVICE_TEMPERATURE_ABOVE_CRITICAL_RECOVERED);
    EXPECT_EQ(read.threshold_info().thresholds().upper().high().uint_val(), 65U);
    EXPECT_EQ(read.SerializeAsString(), event);

    const auto metric = bytes_of(
        "080112650a260a2434633431316466322d323265362d353864322d623162622d353435613032363364313864"
        "12260a2430663361386132392d326237392d353630612d613033342d3232353565306338353932301a13706c"
        "75676761626c652d66616e20302f312f311a2b08c025100a18092801320372706d3a0608eb9684fd05408827"
        "4a104d45545249435f46414e5f5350454544");
    ::dmi::Metric fan;
    ASSERT_TRUE(fan.ParseFromString(metric));
    EXPECT_EQ(fan.metric_id(), ::dmi::METRIC_FAN_SPEED);
    EXPECT_EQ(fan.value().value(), 4800);
    EXPECT_EQ(fan.SerializeAsString(), metric);
}

}  // namespace
}  // namespace cutover::dmi_wire
