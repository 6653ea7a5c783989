#include "doors/native/convert.h"

#include <chrono>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/error.h"
#include "cutover/v1/device.pb.h"
#include "doors/native/convert_values.h"
#include "doors/native/errors.h"
#include "doors/native/status.h"
#include "model/device.h"

namespace cutover {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using std::chrono::milliseconds;

// Every field of the model set to something that is not its default, so that a field which a
// conversion forgets is found: by == in the model, and by reflection on the wire.
const WallTime kTime(milliseconds(1'795'000'000'123));
const Error kError{.kind = Errc::untrusted,
                   .id = "package.unsigned",
                   .message = "no signature",
                   .cause = "manifest.sig is missing",
                   .remedy = "sign it"};
const PackageRef kBase{.kind = PackageKind::base,
                       .name = "nos",
                       .version = *Version::parse("1.2.0-rc.1"),
                       .digest = "abc",
                       .side_by_side = true};

CheckResult check() {
    return {.name = "space", .verdict = CheckVerdict::refused, .detail = "34 MB", .error = kError};
}

Request request() {
    return {.kind = OperationKind::rollback,
            .sources = {"/a.cc", "https://b/c.cc"},
            .packages = {"bgp", "fix@1"},
            .only_kind = PackageKind::patch,
            .with_dependents = true,
            .mode = Mode::next_startup,
            .trial = std::chrono::minutes(7),
            .force = {"space", "health"},
            .plan_hash = "7f3c",
            .generation = 5,
            .only_base = WantedBase{.name = "nos", .version = "1.2.0"},
            .keep_access = true,
            .factory_base = true,
            .asked_by = "root@local",
            .max_wait = milliseconds(30'000),
            .end_config_work = true,
            .wait_for_services = true};
}

Operation operation() {
    return {.id = 14,
            .title = "upgrade",
            .request = request(),
            .state = OperationState::awaiting_commit,
            .stage = Stage::configure,
            .stages = {{.stage = Stage::install,
                        .state = StageState::failed,
                        .duration = milliseconds(1500),
                        .detail = "slot A"}},
            .checks = {check()},
            .plan_hash = "7f3c",
            .from = 12,
            .to = 13,
            .started = kTime,
            .ended = kTime + milliseconds(1),
            .interruption = milliseconds(9100),
            .reboots = 2,
            .notes = {"a note"},
            .warnings = {"one", "two"},
            .error = kError,
            .commit_deadline = kTime + milliseconds(2)};
}

DeviceState state() {
    return {.device_name = "lab",
            .hardware = "emulated",
            .serial = "E1",
            .uuid = "7e57ab1e-0000-4000-8000-000000000001",
            .agent_version = "0.1",
            .active_slot = Slot::b,
            .boot_reason = "trial 1 of 2",
            .marks = {.running = 3, .startup = 2, .committed = 1},
            .generations = {{.id = 3,
                             .base = kBase,
                             .slot = Slot::b,
                             .packages = {kBase},
                             .configuration_revision = 9,
                             .update_level = 4,
                             .pack = kBase,
                             .created = kTime,
                             .committed_once = true,
                             .kept = true,
                             .bad = true}},
            .slots = {{.slot = Slot::b,
                       .state = SlotState::bad,
                       .holds = kBase,
                       .committed_once = true}},
            .packages = {{.package = kBase,
                          .state = PackageState::active,
                          .summary = "s",
                          .services = {"web"},
                          .detail = "d"}},
            .services = {{.name = "web", .state = "failed", .restarts = 3, .detail = "exit 1"}},
            .health = {{.name = "web answers",
                        .from = "package nos",
                        .healthy = true,
                        .detail = "200",
                        .checked = kTime}},
            .alarms = {{.name = "upgrade-failed",
                        .severity = Severity::major,
                        .text = "text",
                        .raised = kTime,
                        .cleared = kTime + milliseconds(5),
                        .operation = 14}},
            .current = operation(),
            .epoch = 3,
            .last_event = 99};
}

Preview preview() {
    return {.title = "upgrade",
            .plan_hash = "7f3c",
            .checks = {check()},
            .steps = {{.stage = Stage::prep, .order = 10, .name = "n", .description = "d"}},
            .notes = {"n"},
            .interrupts = "9 s",
            .error = kError};
}

// The names of fields that are not set anywhere in `message`.
void find_unset(const Message& message, const std::string& path, std::vector<std::string>& unset) {
    const auto* reflection = message.GetReflection();
    for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
        const auto* field = message.GetDescriptor()->field(i);
        const auto name = path + "." + field->name();
        const bool is_message = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
        if (field->is_repeated()) {
            const int size = reflection->FieldSize(message, field);
            if (size == 0) unset.push_back(name);
            for (int j = 0; is_message && j < size; ++j)
                find_unset(reflection->GetRepeatedMessage(message, field, j), name, unset);
        } else if (!reflection->HasField(message, field)) {
            unset.push_back(name);
        } else if (is_message && field->message_type()->file()->package() == "cutover.v1") {
            find_unset(reflection->GetMessage(message, field), name, unset);
        }
    }
}

template <typename Value>
void expect_round_trip(const Value& value) {
    const auto wire = wire::from(value);
    std::vector<std::string> unset;
    find_unset(wire, "", unset);
    EXPECT_EQ(unset, std::vector<std::string>{}) << "fields that the conversion forgets";
    std::remove_cvref_t<decltype(wire)> received;
    ASSERT_TRUE(received.ParseFromString(wire.SerializeAsString()));
    const auto back = wire::to_model(received);
    ASSERT_TRUE(back) << back.error().text();
    EXPECT_EQ(*back, value);
}

TEST(Convert, AWaitForConfigurationWorkHasADefaultAndABound) {
    auto wire = wire::from(request());
    wire.clear_max_wait();
    EXPECT_EQ(wire::to_model(wire)->max_wait, std::chrono::seconds(10));
    for (const auto seconds : {-1, 3601}) {
        wire.mutable_max_wait()->set_seconds(seconds);
        EXPECT_FALSE(wire::to_model(wire)) << seconds;
    }
}

TEST(Convert, CarriesEveryFieldThereAndBack) {
    expect_round_trip(state());
    expect_round_trip(operation());
    expect_round_trip(preview());
    expect_round_trip(request());
    expect_round_trip(Event{
        .sequence = 1, .time = kTime, .type = "stage.ended", .operation = 14, .text = "prep"});
    expect_round_trip(Progress{.operation = 14,
                               .stage = Stage::install,
                               .step = "write slot A",
                               .done_bytes = 1,
                               .total_bytes = 2,
                               .bytes_per_second = 3});
    const LogRequest log{.source = LogSource::status_file, .operation = 14, .max_lines = 5};
    const auto log_back = wire::to_model(wire::from(log));
    ASSERT_TRUE(log_back);
    EXPECT_EQ(log_back->source, log.source);
    EXPECT_EQ(log_back->operation, log.operation);
    EXPECT_EQ(log_back->max_lines, log.max_lines);
    const auto follow = wire::to_model(
        wire::from(FollowRequest{.after_sequence = 7, .operation = 14, .progress = true}));
    EXPECT_EQ(follow.after_sequence, 7);
    EXPECT_EQ(follow.operation, 14);
    EXPECT_TRUE(follow.progress);
    EXPECT_EQ(wire::to_model(wire::from(kError)), kError);
    EXPECT_TRUE(
        std::holds_alternative<Progress>(*wire::to_model(wire::from(FeedItem(Progress{})))));
    EXPECT_TRUE(std::holds_alternative<Event>(*wire::to_model(wire::from(FeedItem(Event{})))));
}

// Whether the model has a name for `value`: its tables throw beyond their end, but for those of
// package kinds and slots, which are not asked.
template <typename Model>
bool has_name(Model value) {
    if constexpr (std::is_same_v<Model, Slot> || std::is_same_v<Model, PackageKind>) {
        return false;
    } else {
        try {
            return !to_string(value).empty();
        } catch (const std::out_of_range&) {
            return false;
        }
    }
}

// The wire's name of each enumerator says what the model's says.
template <typename Model>
void expect_same_names(Model last, const google::protobuf::EnumDescriptor* wire,
                       const std::string& prefix) {
    ASSERT_EQ(wire->value_count(), std::to_underlying(last) + 2) << prefix;
    EXPECT_EQ(wire->value(0)->name(), prefix + "_UNSPECIFIED");
    EXPECT_FALSE(has_name(static_cast<Model>(std::to_underlying(last) + 1)))
        << prefix << ": the model has grown";
    for (int i = 0; i <= std::to_underlying(last); ++i) {
        auto name = std::string(to_string(static_cast<Model>(i)));
        for (auto& letter : name)
            letter = letter == '-' ? '_' : static_cast<char>(std::toupper(letter));
        EXPECT_EQ(wire->value(i + 1)->name(), prefix + "_" + name);
        EXPECT_EQ(wire->value(i + 1)->number(), i + 1);
    }
}

TEST(Convert, NamesEveryEnumeratorAsTheModelDoes) {
    expect_same_names(PackageKind::pack, v1::PackageKind_descriptor(), "PACKAGE_KIND");
    expect_same_names(Slot::b, v1::Slot_descriptor(), "SLOT");
    expect_same_names(SlotState::bad, v1::SlotState_descriptor(), "SLOT_STATE");
    expect_same_names(PackageState::leaving, v1::PackageState_descriptor(), "PACKAGE_STATE");
    expect_same_names(OperationKind::restore, v1::OperationKind_descriptor(), "OPERATION_KIND");
    expect_same_names(Mode::next_startup, v1::Mode_descriptor(), "MODE");
    expect_same_names(Stage::postexecute, v1::Stage_descriptor(), "STAGE");
    expect_same_names(StageState::undone, v1::StageState_descriptor(), "STAGE_STATE");
    expect_same_names(CheckVerdict::skipped, v1::CheckVerdict_descriptor(), "CHECK_VERDICT");
    expect_same_names(OperationState::refused, v1::OperationState_descriptor(), "OPERATION_STATE");
    expect_same_names(Severity::critical, v1::Severity_descriptor(), "SEVERITY");
}

TEST(Convert, RefusesWhatNoHonestClientSends) {
    const auto id_of = [](const v1::Request& wire) {
        const auto model = wire::to_model(wire);
        return model ? std::string("accepted") : model.error().id;
    };
    const auto good = wire::from(request());
    EXPECT_EQ(id_of(good), "accepted");
    auto bad = good;
    bad.clear_kind();
    EXPECT_EQ(id_of(bad), "door.bad_request");
    bad = good;
    bad.set_mode(static_cast<v1::Mode>(99));
    EXPECT_EQ(id_of(bad), "door.bad_request");
    bad = good;
    bad.add_sources(std::string(5000, 'x'));
    EXPECT_EQ(id_of(bad), "door.bad_request");
    bad = good;
    for (int i = 0; i < 100; ++i) bad.add_force("space");
    EXPECT_EQ(id_of(bad), "door.bad_request");
    bad = good;
    bad.mutable_trial()->set_seconds(-1);
    EXPECT_EQ(id_of(bad), "door.bad_request");
    bad = good;
    bad.set_generation(-3);
    EXPECT_EQ(id_of(bad), "door.bad_request");
}

TEST(Convert, MakesUtf8OfWhatAScriptWrote) {
    auto failed = operation();
    failed.error->cause = "script said \xFF\xFE";
    const auto wire = wire::from(failed);
    v1::Operation received;
    ASSERT_TRUE(received.ParseFromString(wire.SerializeAsString()));
    EXPECT_EQ(received.error().cause(), "script said \xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(Status, CarriesAnErrorThroughMetadataWithinTheirLimit) {
    auto error = kError;
    error.cause = std::string(1'000'000, 'x');
    const auto bytes = wire::packed(error);
    EXPECT_LT(bytes.size(), wire::kMaxMetadataBytes / 2);
    Error back;
    ASSERT_TRUE(wire::unpack(bytes, back));
    EXPECT_EQ(back.id, error.id);
    EXPECT_EQ(back.kind, error.kind);
    EXPECT_EQ(back.remedy, error.remedy);
    EXPECT_FALSE(wire::unpack("nonsense", back));
    EXPECT_FALSE(wire::unpack("", back));
}

}  // namespace
}  // namespace cutover
