#include "doors/native/convert_configuration.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/error.h"
#include "cutover/v1/configuration.pb.h"
#include "model/configuration.h"

namespace cutover {
namespace {

const WallTime kTime(std::chrono::milliseconds(1'795'000'000'123));

ConfigStatus status() {
    return {
        .modules = {{.name = "ietf-system", .revision = "2014-08-06"},
                    {.name = "own", .revision = ""}},
        .running = 8,
        .startup = 7,
        .trial =
            ConfigTrial{
                .revision = 8, .back_to = 6, .deadline = kTime, .by = "alice@ipv4:192.0.2.1:40312"},
        .candidates = {{.session = "bob",
                        .made_from = 5,
                        .touched = kTime,
                        .problem = "there is no /own:gone any more"}},
        .read_only = "operation 7 is at work",
        .behind = {"web: does not answer"},
        .waiting = {"dns"}};
}

ConfigEdit edit(ConfigEdit::Kind kind) {
    return {.kind = kind, .path = "/own:a/b", .value = "{}", .format = ConfigFormat::xml};
}

template <typename Value>
void expect_round_trip(const Value& value) {
    const auto wire = wire::from(value);
    std::remove_cvref_t<decltype(wire)> received;
    ASSERT_TRUE(received.ParseFromString(wire.SerializeAsString()));
    const auto back = wire::to_model(received);
    ASSERT_TRUE(back) << back.error().text();
    EXPECT_EQ(*back, value);
}

TEST(ConvertConfiguration, CarriesEveryFieldThereAndBack) {
    expect_round_trip(status());
    expect_round_trip(ConfigRevision{
        .id = 8, .made_from = 7, .made = kTime, .by = "operation 7", .comment = "upgrade"});
    expect_round_trip(ConfigCommit{.session = "alice",
                                   .by = "",
                                   .comment = "more peers",
                                   .confirm = std::chrono::seconds(600)});
    expect_round_trip(ConfigCommit{.session = "alice", .by = "", .comment = "", .confirm = {}});
    expect_round_trip(ConfigMigrate{.from = "router@1",
                                    .to = "router@2",
                                    .instances = {"/dev:devices/device[name='r1']"},
                                    .dry_run = true,
                                    .lose = true});
    expect_round_trip(ConfigMigrated{
        .asked = {},
        .instances = {
            {.path = "/dev:devices/device[name='r1']",
             .state = MigratedInstance::State::moved,
             .revision = 9,
             .changes = {{.path_before = "/a", .path_after = "/b", .before = "1", .after = "2"}}},
            {.path = "/dev:devices/device[name='r2']",
             .state = MigratedInstance::State::failed,
             .lost = {{.path = "/c", .value = "3", .why = "no place"}},
             .untold = 7,
             .error = Error{.kind = Errc::conflict, .id = "config.would_lose", .message = "no"}},
            {.path = "/dev:devices/device[name='r3']"}}});
    using Source = ConfigSource::Kind;
    for (const auto kind : {Source::running, Source::startup, Source::candidate, Source::revision})
        expect_round_trip(ConfigSource{.kind = kind, .session = "alice", .revision = 3});
    using Change = ConfigChange::Kind;
    for (const auto kind : {Change::added, Change::removed, Change::changed, Change::moved})
        expect_round_trip(
            ConfigChange{.kind = kind, .path = "/own:a", .before = "1", .after = "2"});
    for (const auto format : {ConfigFormat::json, ConfigFormat::xml, ConfigFormat::tree})
        EXPECT_EQ(*wire::to_model(wire::from(format)), format);
}

TEST(ConvertConfiguration, CarriesEditsInTheirOrder) {
    using enum ConfigEdit::Kind;
    const std::vector edits{edit(set), edit(erase), edit(merge), edit(replace)};
    v1::EditConfigurationRequest wire;
    for (const auto& each : edits) *wire.add_edits() = wire::from(each);
    EXPECT_EQ(*wire::to_model(wire), edits);
}

TEST(ConvertConfiguration, NamesEveryEnumeratorAsTheModelDoes) {
    EXPECT_EQ(v1::CONFIGURATION_FORMAT_TREE, wire::from(ConfigFormat::tree));
    EXPECT_EQ(v1::CONFIGURATION_CHANGE_KIND_MOVED,
              wire::from(ConfigChange{.kind = ConfigChange::Kind::moved}).kind());
    EXPECT_EQ(v1::CONFIGURATION_CHANGE_KIND_REMOVED,
              wire::from(ConfigChange{.kind = ConfigChange::Kind::removed}).kind());
    EXPECT_EQ(v1::CONFIGURATION_SOURCE_KIND_CANDIDATE,
              wire::from(ConfigSource{.kind = ConfigSource::Kind::candidate}).kind());
    EXPECT_EQ(v1::CONFIGURATION_EDIT_KIND_REPLACE,
              wire::from(edit(ConfigEdit::Kind::replace)).kind());
    EXPECT_EQ(v1::ConfigurationFormat_ARRAYSIZE, 4);
    EXPECT_EQ(v1::ConfigurationChangeKind_ARRAYSIZE, 5);
    EXPECT_EQ(v1::ConfigurationSourceKind_ARRAYSIZE, 5);
    EXPECT_EQ(v1::ConfigurationEditKind_ARRAYSIZE, 5);
}

std::string answer_to(const v1::ConfigurationEdit& edit) {
    v1::EditConfigurationRequest request;
    *request.add_edits() = edit;
    const auto model = wire::to_model(request);
    return model ? "taken" : model.error().id;
}

TEST(ConvertConfiguration, RefusesEditsThatNoHonestClientSends) {
    const auto good = wire::from(edit(ConfigEdit::Kind::set));
    EXPECT_EQ(answer_to(good), "taken");
    auto bad = good;
    bad.clear_kind();
    EXPECT_EQ(answer_to(bad), "door.bad_request");
    bad = good;
    bad.set_path("");
    EXPECT_EQ(answer_to(bad), "door.bad_request");
    bad.set_path(std::string(kMaxConfigPathBytes + 1, 'x'));
    EXPECT_EQ(answer_to(bad), "door.bad_request");
    bad.set_path("/own:a\n");
    EXPECT_EQ(answer_to(bad), "door.bad_request");
    bad = good;
    bad.set_value(std::string("a\0b", 3));
    EXPECT_EQ(answer_to(bad), "door.bad_request");
    bad = good;
    bad.set_format(static_cast<v1::ConfigurationFormat>(99));
    EXPECT_EQ(answer_to(bad), "door.bad_request");
    bad = wire::from(edit(ConfigEdit::Kind::merge));
    bad.set_format(v1::CONFIGURATION_FORMAT_TREE);
    EXPECT_EQ(answer_to(bad), "door.bad_request");
}

TEST(ConvertConfiguration, BoundsHowManyEditsOneCallHas) {
    v1::EditConfigurationRequest request;
    const auto one = wire::from(edit(ConfigEdit::Kind::set));
    for (std::size_t i = 0; i < kMaxConfigEdits; ++i) *request.add_edits() = one;
    EXPECT_TRUE(wire::to_model(request));
    *request.add_edits() = one;
    ASSERT_FALSE(wire::to_model(request));
    EXPECT_EQ(wire::to_model(request).error().id, "door.bad_request");
}

TEST(ConvertConfiguration, RefusesCommitsThatNoHonestClientSends) {
    const auto answer = [](const v1::CommitConfigurationRequest& request) {
        const auto model = wire::to_model(request);
        return model ? std::string("taken") : model.error().id;
    };
    v1::CommitConfigurationRequest request;
    request.set_session("alice");
    EXPECT_EQ(answer(request), "taken");
    request.mutable_confirm()->set_seconds(0);
    EXPECT_EQ(answer(request), "door.bad_request");
    request.mutable_confirm()->set_seconds(-60);
    EXPECT_EQ(answer(request), "door.bad_request");
    request.mutable_confirm()->set_seconds(std::int64_t{31} * 24 * 3600);
    EXPECT_EQ(answer(request), "door.bad_request");
    request.clear_confirm();
    request.set_session(std::string(200, 's'));
    EXPECT_EQ(answer(request), "door.bad_request");
    request.set_session("ali\x1b[31mce");
    EXPECT_EQ(answer(request), "door.bad_request");
    request.set_session("alice");
    request.set_comment(std::string(2000, 'c'));
    EXPECT_EQ(answer(request), "door.bad_request");
}

TEST(ConvertConfiguration, AMigrationNamesTwoPackagesAndNoEmptyPath) {
    v1::MigrateInstancesRequest wire;
    wire.set_from("router@1");
    EXPECT_EQ(wire::to_model(wire).error().id, "door.bad_request");
    wire.set_to("router@2");
    EXPECT_TRUE(wire::to_model(wire));
    wire.add_instances("");
    EXPECT_EQ(wire::to_model(wire).error().id, "door.bad_request");
    wire.set_instances(0, std::string(kMaxConfigPathBytes + 1, 'x'));
    EXPECT_EQ(wire::to_model(wire).error().id, "door.bad_request");
    wire.clear_instances();
    for (std::size_t i = 0; i <= kMaxMigrated; ++i) wire.add_instances("/a:b");
    EXPECT_EQ(wire::to_model(wire).error().id, "door.bad_request");
}

}  // namespace
}  // namespace cutover
