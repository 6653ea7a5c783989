// What an Agent answers besides operations.

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <semaphore>
#include <string>
#include <string_view>
#include <thread>

#include <gtest/gtest.h>

#include "agent/agent.h"
#include "base/error.h"
#include "base/files.h"
#include "base/test_http_server.h"
#include "crypto/digest.h"
#include "engine/observer.h"
#include "engine/simulated_device.h"
#include "model/device.h"
#include "model/operation.h"
#include "platform/startup_config_file.h"

namespace cutover {
namespace {

class AgentSettings : public testing::Test {
protected:
    AgentSettings() {
        const auto ports = [&](Observer& observer) { return device_.ports(observer); };
        agent_ = Agent::start(ports, {.uuid = "the-uuid", .startup_config = &config_}).value();
        while (!agent_->preview({.kind = OperationKind::reboot})) std::this_thread::yield();
    }
    ~AgentSettings() override { gate_.release(1000); }

    std::string update(const std::string& url) const {
        const auto done = agent_->update_startup_config(url);
        return done ? "done" : done.error().id;
    }
    std::string kept() const {
        return read_file(folder_->path() / "kept" / "config", 1 << 20).value_or("none");
    }
    std::string url_of(std::string_view content) const {
        std::ofstream(folder_->path() / "new.cfg") << content;
        return "file://" + (folder_->path() / "new.cfg").string();
    }

    Result<TempFolder> folder_ = TempFolder::create(testing::TempDir(), "settings");
    StartupConfigFile config_{folder_->path() / "kept"};
    SimulatedDevice device_;
    std::counting_semaphore<> gate_{0};
    std::unique_ptr<Agent> agent_;  // last: its thread uses all above
};

TEST_F(AgentSettings, AStartupConfigurationIsFetchedAndKept) {
    const auto url = url_of("hostname a\n");
    ASSERT_EQ(update(url), "done");
    EXPECT_EQ(kept(), "hostname a\n");
    const auto status = agent_->startup_config();
    ASSERT_TRUE(status);
    EXPECT_EQ(status->source, url);
    EXPECT_TRUE(status->version.starts_with("sha256:")) << status->version;
}

TEST_F(AgentSettings, WhatIsNotWhatItsChecksumSaysIsNotKept) {
    const auto url = url_of("hostname a\n");
    const auto right = to_hex(sha256(std::string_view("hostname a\n")));
    const auto wrong = to_hex(sha256(std::string_view("hostname b\n")));
    EXPECT_EQ(update(url + "#sha256=" + wrong), "transfer.wrong_checksum");
    EXPECT_EQ(kept(), "none");
    EXPECT_EQ(update(url + "#sha256=" + right), "done");
    EXPECT_EQ(agent_->startup_config()->source, url) << "without the checksum";
}

TEST_F(AgentSettings, ALongFileIsNotReadToItsEnd) {
    EXPECT_EQ(update(url_of(std::string(5 << 20, 'x'))), "startup_config.too_long");
    EXPECT_EQ(update("file:///dev/zero"), "transfer.bad_source");
    EXPECT_EQ(update("/etc/hosts"), "transfer.bad_source");
    EXPECT_EQ(kept(), "none");
}

TEST_F(AgentSettings, WhileAnOperationIsAtWorkTheConfigurationStays) {
    std::atomic<bool> held = false;
    device_.packages.before_open = [&](int) {
        held = true;
        gate_.acquire();
    };
    const auto operation =
        agent_->start({.kind = OperationKind::install, .sources = {"/tmp/a.cc"}});
    ASSERT_TRUE(operation);
    while (!held) std::this_thread::yield();
    EXPECT_EQ(update(url_of("hostname a\n")), "operation.busy");
    gate_.release();
    while (!is_over(agent_->operation(*operation)->state)) std::this_thread::yield();
    EXPECT_EQ(update(url_of("hostname a\n")), "done");
}

TEST_F(AgentSettings, TheUuidIsAPartOfTheState) { EXPECT_EQ(agent_->state()->uuid, "the-uuid"); }

TEST_F(AgentSettings, DebugInformationIsPutToItsUrl) {
    TestHttpServer server([](const std::string&) { return ok_reply(""); });
    const auto sent = agent_->upload_debug_info(server.url("/box.tar"), {}, {});
    ASSERT_TRUE(sent) << sent.error().text();
    EXPECT_TRUE(server.requests().front().starts_with("PUT /box.tar "));
}

}  // namespace
}  // namespace cutover
