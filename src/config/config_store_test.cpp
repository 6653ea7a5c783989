#include "config/config_store.h"

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "config/errors.h"
#include "crypto/digest.h"
#include "model/configuration.h"
#include "model/configuration_errors.h"
#include "platform/config_data.h"

namespace cutover {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using Kind = ConfigEdit::Kind;

constexpr auto kRunning = ConfigSource::Kind::running;

constexpr std::string_view kNet = R"(module net {
  yang-version 1.1; namespace "urn:net"; prefix n; revision 2025-01-01;
  container net {
    leaf hostname { type string { length "1..20"; } default "r1"; }
    list port {
      key name;
      leaf name { type string; }
      leaf mtu { type uint16 { range "64..9000"; } }
      leaf peer { type leafref { path "../../port/name"; } }
    }
  }
})";
constexpr std::string_view kQos = R"(module qos {
  namespace "urn:qos"; prefix q; revision 2025-01-01;
  container qos { leaf limit { type uint32; } }
})";

ConfigText text_of(std::string_view module) {
    return {.digest = to_hex(sha256(module)), .text = std::string(module)};
}
ConfigFile file_of(std::string_view name, std::string_view module) {
    return {.name = std::string(name), .digest = text_of(module).digest};
}

struct ConfigStoreTest : testing::Test {
    void SetUp() override {
        open();
        ASSERT_TRUE(store->keep({text_of(kNet), text_of(kQos)}));
        ASSERT_TRUE(store->use(net, "boot 1"));
    }
    void open() {
        store.reset();
        auto opened = ConfigStore::open({.database = folder.path() / "device.db",
                                         .rendered = folder.path() / "data" / "running.json",
                                         .scripts = folder.path(),
                                         .clock = clock,
                                         .log = *log});
        ASSERT_TRUE(opened) << opened.error().text();
        store = std::move(*opened);
    }
    Result<> set(const std::string& path, const std::string& value,
                 const std::string& session = "alice") {
        return store->edit(session, {{.kind = Kind::set, .path = path, .value = value}});
    }
    Result<ConfigRevision> commit(const std::string& session = "alice",
                                  std::optional<seconds> confirm = {}) {
        return store->commit(
            {.session = session, .by = session, .comment = "", .confirm = confirm});
    }
    std::string hostname() {
        return store->value({.kind = kRunning}, "/net:net/hostname").value_or("(none)");
    }
    std::string rendered() {
        return read_file(folder.path() / "data" / "running.json", 10'000).value_or("(none)");
    }

    TempFolder folder = TempFolder::create("/tmp", "config-store-").value();
    SystemClock clock;
    std::unique_ptr<Log> log = Log::silent();
    std::unique_ptr<ConfigStore> store;
    const ConfigFiles net{.modules = {file_of("net.yang", kNet)}, .migrations = {}};
    const ConfigFiles both{.modules = {file_of("net.yang", kNet), file_of("qos.yang", kQos)},
                           .migrations = {}};
};

TEST_F(ConfigStoreTest, ACandidateRunsOnceItIsCommitted) {
    EXPECT_EQ(hostname(), "r1");
    ASSERT_TRUE(set("/net:net/hostname", "edge"));
    EXPECT_EQ(hostname(), "r1");
    const auto changes = store->changes(
        {.kind = kRunning}, {.kind = ConfigSource::Kind::candidate, .session = "alice"});
    ASSERT_TRUE(changes);
    EXPECT_THAT(*changes, ElementsAre(ConfigChange{ConfigChange::Kind::added, "/net:net/hostname",
                                                   "", "edge"}));
    const auto revision = commit();
    ASSERT_TRUE(revision) << revision.error().text();
    EXPECT_EQ(hostname(), "edge");
    EXPECT_THAT(rendered(), HasSubstr("edge"));
    EXPECT_THAT(store->take_changes(), ElementsAre("net"));
    EXPECT_EQ(commit().error().id, errors::config_nothing_to_commit.id);
}

TEST_F(ConfigStoreTest, WhatBreaksARuleIsNotCommittedAndKept) {
    ASSERT_TRUE(set("/net:net/port[name='a']/peer", "b"));
    const auto refused = commit();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().id, errors::config_invalid.id);
    EXPECT_THAT(refused.error().text(), HasSubstr("/net:net/port"));
    EXPECT_EQ(store->status()->running, 1);
    ASSERT_TRUE(set("/net:net/port[name='b']", ""));
    EXPECT_TRUE(commit());
}

TEST_F(ConfigStoreTest, AnEditIsMadeWholeOrNotAtAll) {
    const auto refused =
        store->edit("alice", {{.kind = Kind::set, .path = "/net:net/hostname", .value = "edge"},
                              {.kind = Kind::set, .path = "/net:net/mtu", .value = "9"}});
    EXPECT_FALSE(refused);
    EXPECT_TRUE(store->status()->candidates.empty());
}

TEST_F(ConfigStoreTest, FewerRevisionsAreKeptOfALargeConfiguration) {
    EXPECT_EQ(ConfigStore::kept_revisions(0), ConfigStore::kKeptRevisions);
    EXPECT_EQ(ConfigStore::kept_revisions(100'000), ConfigStore::kKeptRevisions);
    EXPECT_EQ(ConfigStore::kept_revisions(std::size_t{16} * 1024 * 1024), 16);
    EXPECT_EQ(ConfigStore::kept_revisions(kMaxConfigBytes), ConfigStore::kFewestRevisions);
}

TEST_F(ConfigStoreTest, ChangesOfOthersAreKeptAndConflictsNamed) {
    ASSERT_TRUE(set("/net:net/hostname", "edge"));
    ASSERT_TRUE(set("/net:net/port[name='a']/mtu", "1500", "bob"));
    ASSERT_TRUE(set("/net:net/hostname", "core", "carol"));
    ASSERT_TRUE(commit("bob"));
    ASSERT_TRUE(commit());
    EXPECT_EQ(hostname(), "edge");
    EXPECT_EQ(store->value({.kind = kRunning}, "/net:net/port[name='a']/mtu").value(), "1500");
    const auto refused = commit("carol");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().id, errors::config_conflict.id);
    EXPECT_THAT(refused.error().text(), HasSubstr("/net:net/hostname is \"edge\""));
    EXPECT_EQ(hostname(), "edge");
}

TEST_F(ConfigStoreTest, ABootBeginsWithWhatWasSaved) {
    ASSERT_TRUE(set("/net:net/hostname", "saved"));
    ASSERT_TRUE(commit());
    ASSERT_TRUE(store->save("alice"));
    ASSERT_TRUE(set("/net:net/hostname", "lost"));
    ASSERT_TRUE(commit());
    open();  // the agent starts anew: nothing changes
    ASSERT_TRUE(store->use(net, "boot 1"));
    EXPECT_EQ(hostname(), "lost");
    open();
    ASSERT_TRUE(store->use(net, "boot 2"));
    EXPECT_EQ(hostname(), "saved");
    EXPECT_THAT(rendered(), HasSubstr("saved"));
}

TEST_F(ConfigStoreTest, ServicesThatAreStillToBeToldAreNamed) {
    store->set_readers({{.service = "web", .modules = {"net"}},
                        {.service = "dns", .modules = {"net", "qos"}},
                        {.service = "shaper", .modules = {"qos"}}});
    static_cast<void>(store->take_changes());
    store->set_waiting({});
    ASSERT_TRUE(set("/net:net/hostname", "edge"));
    ASSERT_TRUE(commit());
    EXPECT_THAT(store->status()->waiting, ElementsAre("dns", "web"));
    EXPECT_THAT(store->take_changes(), ElementsAre("net"));
    EXPECT_THAT(store->status()->waiting, ElementsAre("dns", "web")) << "asked for, and not told";
    store->set_waiting({"web"});
    EXPECT_THAT(store->status()->waiting, ElementsAre("web"));
}

TEST_F(ConfigStoreTest, BeforeAnOperationNoTrialBeginsAndTheOneThatIsOpenCanBeEnded) {
    ASSERT_TRUE(set("/net:net/hostname", "far"));
    ASSERT_TRUE(commit("alice", seconds(600)));
    store->refuse_trials("operation 7 (upgrade) is at work");
    ASSERT_TRUE(set("/net:net/port[name='a']/mtu", "1500", "bob"));
    const auto refused = commit("bob", seconds(600));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().id, errors::config_read_only.id);
    EXPECT_THAT(refused.error().text(), HasSubstr("operation 7"));
    ASSERT_TRUE(store->end_trial("operation 7"));
    EXPECT_EQ(hostname(), "r1");
    EXPECT_FALSE(store->status()->trial);
    EXPECT_EQ(store->history(1)->front().by, "operation 7");
    EXPECT_TRUE(store->end_trial("operation 7")) << "there is none any more";
    store->refuse_trials("");
    EXPECT_TRUE(commit("bob", seconds(600)));
}

TEST_F(ConfigStoreTest, WhatNobodyConfirmsIsUndone) {
    ASSERT_TRUE(set("/net:net/hostname", "edge"));
    ASSERT_TRUE(commit("alice", seconds(1)));
    EXPECT_EQ(store->save("alice").error().id, errors::config_on_trial.id);
    EXPECT_EQ(hostname(), "edge");
    const auto end = std::chrono::steady_clock::now() + seconds(60);
    while (hostname() == "edge" && std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_EQ(hostname(), "r1");
    EXPECT_FALSE(store->status()->trial);
    EXPECT_THAT(store->history(1)->front().comment, HasSubstr("was not confirmed"));
}

TEST_F(ConfigStoreTest, WhatRanOutWhileNobodyWasThereIsUndoneToo) {
    ASSERT_TRUE(set("/net:net/hostname", "edge"));
    ASSERT_TRUE(commit("alice", seconds(1)));
    store.reset();
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    open();
    ASSERT_TRUE(store->use(net, "boot 1"));
    const auto end = std::chrono::steady_clock::now() + seconds(60);
    while (hostname() == "edge" && std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_EQ(hostname(), "r1");
}

TEST_F(ConfigStoreTest, ACommitWithoutChangesConfirms) {
    ASSERT_TRUE(set("/net:net/hostname", "edge"));
    ASSERT_TRUE(commit("alice", seconds(3600)));
    ASSERT_TRUE(commit());
    EXPECT_FALSE(store->status()->trial);
    EXPECT_TRUE(store->save("alice"));
    EXPECT_EQ(hostname(), "edge");
}

TEST_F(ConfigStoreTest, ARollbackIsACommitOfWhatWas) {
    ASSERT_TRUE(set("/net:net/hostname", "one"));
    const auto first = commit()->id;
    ASSERT_TRUE(set("/net:net/hostname", "two"));
    ASSERT_TRUE(commit());
    ASSERT_TRUE(store->rollback(0, "alice"));
    EXPECT_EQ(hostname(), "one");
    ASSERT_TRUE(set("/net:net/hostname", "three"));
    ASSERT_TRUE(commit());
    ASSERT_TRUE(store->rollback(first, "alice"));
    EXPECT_EQ(hostname(), "one");
    EXPECT_EQ(store->history(100)->size(), 6U);
    EXPECT_EQ(store->rollback(99, "alice").error().id, errors::config_no_such_revision.id);
}

TEST_F(ConfigStoreTest, WhileAnOperationHoldsItNothingIsCommitted) {
    ASSERT_TRUE(set("/net:net/hostname", "edge"));
    store->make_read_only("operation 7 (upgrade base nos 1.0 -> 1.1) is at work");
    const auto refused = commit();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().id, errors::config_read_only.id);
    EXPECT_THAT(refused.error().text(), HasSubstr("operation 7"));
    store->make_read_only("");
    EXPECT_TRUE(commit());
}

TEST_F(ConfigStoreTest, DataComesToMoreModulesAndCandidatesWithIt) {
    ASSERT_TRUE(set("/net:net/hostname", "edge"));
    ASSERT_TRUE(commit());
    ASSERT_TRUE(set("/net:net/port[name='a']/mtu", "1500"));
    ASSERT_TRUE(store->prepare(both, ConfigWay::forward, 7, false));
    ASSERT_TRUE(store->use(both, "boot 1"));
    EXPECT_EQ(hostname(), "edge");
    EXPECT_EQ(store->status()->modules.size(), both.modules.size());
    ASSERT_TRUE(commit()) << "the candidate was carried over";
    EXPECT_EQ(store->value({.kind = kRunning}, "/net:net/port[name='a']/mtu").value(), "1500");
}

TEST_F(ConfigStoreTest, DataThatHasNoPlaceIsNotLostUnasked) {
    ASSERT_TRUE(store->prepare(both, ConfigWay::forward, 7, false));
    ASSERT_TRUE(store->use(both, "boot 1"));
    ASSERT_TRUE(set("/qos:qos/limit", "5"));
    ASSERT_TRUE(commit());
    // Another set of modules, without qos, that nothing came from.
    const ConfigFiles other{.modules = {file_of("qos.yang", kQos)}, .migrations = {}};
    ASSERT_TRUE(set("/net:net/hostname", "edge"));
    ASSERT_TRUE(commit());
    const auto found = store->examine(other, ConfigWay::forward, {});
    ASSERT_TRUE(found) << found.error().text();
    ASSERT_EQ(found->lost.size(), 1U);
    EXPECT_EQ(found->lost[0].path, "/net:net/hostname");
    EXPECT_EQ(store->prepare(other, ConfigWay::forward, 8, false).error().id,
              errors::config_would_lose.id);
    ASSERT_TRUE(store->prepare(other, ConfigWay::forward, 8, true));
    ASSERT_TRUE(store->use(other, "boot 2"));
    EXPECT_EQ(store->value({.kind = kRunning}, "/qos:qos/limit").value(), "5");
}

TEST_F(ConfigStoreTest, TheWayBackTakesAlongWhatWasChangedSince) {
    ASSERT_TRUE(set("/net:net/hostname", "old"));
    ASSERT_TRUE(commit());
    ASSERT_TRUE(store->prepare(both, ConfigWay::forward, 7, false));
    ASSERT_TRUE(store->use(both, "boot 2"));
    ASSERT_TRUE(set("/net:net/hostname", "new"));
    ASSERT_TRUE(set("/qos:qos/limit", "5"));
    ASSERT_TRUE(commit());
    const auto back = store->examine(net, ConfigWay::back, {});
    ASSERT_TRUE(back) << back.error().text();
    EXPECT_THAT(back->left_behind, ElementsAre(HasSubstr("/qos:qos/limit")));
    ASSERT_TRUE(store->prepare(net, ConfigWay::back, 8, false));
    ASSERT_TRUE(store->use(net, "boot 3"));
    EXPECT_EQ(hostname(), "new");
}

TEST_F(ConfigStoreTest, AFallbackBeginsWithWhatTheOldModulesHad) {
    ASSERT_TRUE(set("/net:net/hostname", "old"));
    ASSERT_TRUE(commit());
    ASSERT_TRUE(store->save("alice"));
    ASSERT_TRUE(store->prepare(both, ConfigWay::forward, 7, false));
    ASSERT_TRUE(store->use(both, "boot 2"));
    ASSERT_TRUE(set("/net:net/hostname", "new"));
    ASSERT_TRUE(commit());
    ASSERT_TRUE(store->use(net, "boot 3"));
    EXPECT_EQ(hostname(), "old");
}

TEST_F(ConfigStoreTest, ModulesThatAreNotAtHandAreNamedAndTheDeviceRunsOn) {
    const ConfigFiles gone{.modules = {{.name = "acl.yang", .digest = "00"}}, .migrations = {}};
    EXPECT_FALSE(store->use(gone, "boot 2"));
    EXPECT_EQ(store->status().error().id, errors::config_unusable.id);
    EXPECT_THAT(store->status().error().text(), HasSubstr("acl.yang"));
    ASSERT_TRUE(store->use(net, "boot 2"));
    EXPECT_EQ(hostname(), "r1");
    ASSERT_TRUE(store->use({}, "boot 3"));
    EXPECT_EQ(store->status().error().id, errors::config_none.id);
}

TEST_F(ConfigStoreTest, ModulesThatNobodyPreparedForBeginWithWhatThereWas) {
    ASSERT_TRUE(set("/net:net/hostname", "edge"));
    ASSERT_TRUE(commit());
    ASSERT_TRUE(store->use(both, "boot 2"));
    EXPECT_EQ(hostname(), "edge");
}

TEST_F(ConfigStoreTest, WhatIsSavedBeforeTheNextStartupComesAlong) {
    ASSERT_TRUE(store->prepare(both, ConfigWay::forward, 7, false));
    ASSERT_TRUE(set("/net:net/hostname", "late"));
    ASSERT_TRUE(commit());
    ASSERT_TRUE(store->save("alice"));
    ASSERT_TRUE(store->use(both, "boot 2"));
    EXPECT_EQ(hostname(), "late");
    ASSERT_TRUE(set("/qos:qos/limit", "5"));
    ASSERT_TRUE(commit());
    ASSERT_TRUE(store->save("alice"));
    ASSERT_TRUE(store->use(both, "boot 3"));
    EXPECT_EQ(store->value({.kind = kRunning}, "/qos:qos/limit").value(), "5");
}

TEST_F(ConfigStoreTest, WhatIsSavedBeforeTheNextStartupGoesThroughScriptsToo) {
    std::string newer(kNet);
    newer.replace(newer.find("2025-01-01"), 10, "2026-01-01");
    newer.replace(newer.find("hostname"), 8, "nodename");
    constexpr std::string_view kScript = "#!/bin/sh\nsed s/hostname/nodename/ \"$1\" > \"$2\"\n";
    ASSERT_TRUE(store->keep({text_of(newer), text_of(kScript)}));
    const ConfigFiles next{.modules = {file_of("net.yang", newer)},
                           .migrations = {file_of("net/2025-01-01-to-2026-01-01.sh", kScript)}};
    ASSERT_TRUE(set("/net:net/hostname", "early"));
    ASSERT_TRUE(commit());
    const auto prepared = store->prepare(next, ConfigWay::forward, 7, false);
    ASSERT_TRUE(prepared) << prepared.error().text();
    ASSERT_TRUE(set("/net:net/hostname", "late"));
    ASSERT_TRUE(commit());
    ASSERT_TRUE(store->save("alice"));
    ASSERT_TRUE(store->use(next, "boot 2"));
    EXPECT_EQ(store->value({.kind = kRunning}, "/net:net/nodename").value(), "late");
}

TEST_F(ConfigStoreTest, ModulesOfLongAgoAreForgottenAndThoseInUseAreNot) {
    const auto module = [](int number) {
        return "module m" + std::to_string(number) + " { namespace \"urn:m" +
               std::to_string(number) + "\"; prefix m; leaf x { type string; } }";
    };
    ASSERT_TRUE(set("/net:net/hostname", "edge"));
    ASSERT_TRUE(commit());
    ASSERT_TRUE(store->save("alice"));
    for (int i = 0; i < ConfigStore::kKeptSchemas + 2; ++i) {
        ASSERT_TRUE(store->keep({text_of(module(i))}));
        ConfigFiles more = net;
        more.modules.push_back(file_of("m" + std::to_string(i) + ".yang", module(i)));
        ASSERT_TRUE(store->prepare(more, ConfigWay::forward, 7, true));
        ASSERT_TRUE(store->use(more, "boot 1"));
    }
    EXPECT_EQ(hostname(), "edge");
    ASSERT_TRUE(store->use(net, "boot 2"));
    EXPECT_EQ(hostname(), "edge");
    // It is not known any more that they were in force before.
    EXPECT_EQ(store->history(1)->front().comment, "the first for these modules");
}

TEST_F(ConfigStoreTest, PeopleSeeALineANode) {
    ASSERT_TRUE(set("/net:net/hostname", "edge"));
    ASSERT_TRUE(set("/net:net/port[name='a']/mtu", "1500"));
    ASSERT_TRUE(commit());
    EXPECT_EQ(store->show({.kind = kRunning}, "", ConfigFormat::tree).value(),
              "net:net\n  hostname edge\n  port a\n    mtu 1500\n");
}

}  // namespace
}  // namespace cutover
