#include "doors/bus/go_json.h"

#include <gtest/gtest.h>

#include "dmi/hw_events_mgmt_service.pb.h"

namespace cutover {
namespace {

TEST(GoJson, WritesAnEventAsGoDoes) {
    dmi::Event event;
    auto& about = *event.mutable_event_metadata();
    about.mutable_device_uuid()->set_uuid("d-1");
    about.mutable_component_uuid()->set_uuid("c-1");
    about.set_component_name("temp 0/1");
    event.set_event_id(dmi::EVENT_HW_DEVICE_TEMPERATURE_ABOVE_CRITICAL);
    event.mutable_raised_ts()->set_seconds(1600000000);
    event.mutable_raised_ts()->set_nanos(5);
    auto& threshold = *event.mutable_threshold_info();
    threshold.mutable_observed_value()->set_int_val(93);
    threshold.mutable_thresholds()->mutable_upper()->mutable_high()->set_int_val(95);
    threshold.mutable_thresholds()->mutable_upper()->mutable_low()->set_int_val(90);
    event.set_add_info("x");
    EXPECT_EQ(go_json(event),
              R"({"event_metadata":{"device_uuid":{"uuid":"d-1"},"component_uuid":{"uuid":"c-1"},)"
              R"("component_name":"temp 0/1"},"event_id":501,)"
              R"("raised_ts":{"seconds":1600000000,"nanos":5},)"
              R"("threshold_info":{"observed_value":{"Val":{"IntVal":93}},)"
              R"("thresholds":{"Threshold":{"Upper":{"high":{"Val":{"IntVal":95}},)"
              R"("low":{"Val":{"IntVal":90}}}}}},"add_info":"x"})");
}

TEST(GoJson, LeavesOutZerosButNotWhatAOneofSays) {
    dmi::Event event;
    EXPECT_EQ(go_json(event), "{}");
    event.mutable_threshold_info()->mutable_observed_value()->set_uint_val(0);
    EXPECT_EQ(go_json(event), R"({"threshold_info":{"observed_value":{"Val":{"UintVal":0}}}})");
}

TEST(GoJson, WritesListsInOrder) {
    dmi::EventsCfg list;
    list.add_items()->set_event_id(dmi::EVENT_FAN_FAILURE);
    list.add_items()->set_is_configured(true);
    EXPECT_EQ(go_json(list), R"({"items":[{"event_id":300},{"is_configured":true}]})");
}

}  // namespace
}  // namespace cutover
