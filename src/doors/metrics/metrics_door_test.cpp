#include "doors/metrics/metrics_door.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <sys/time.h>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/unique_fd.h"
#include "doors/metrics/device_metrics.h"
#include "model/device.h"
#include "model/event.h"
#include "model/fake_device.h"
#include "model/operation.h"

namespace cutover {
namespace {

using testing::HasSubstr;
using testing::Not;

UniqueFd connect_to(const std::string& address) {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(static_cast<std::uint16_t>(
        std::strtoul(address.substr(address.rfind(':') + 1).c_str(), nullptr, 10)));
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    return fd;
}

std::string ask(const std::string& address, const std::string& request) {
    const auto fd = connect_to(address);
    EXPECT_GT(::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL), 0);
    std::string answer;
    std::array<char, 4096> part{};
    for (ssize_t got = 0; (got = ::recv(fd.get(), part.data(), part.size(), 0)) > 0;)
        answer.append(part.data(), static_cast<std::size_t>(got));
    return answer;
}

std::string scrape(const std::string& address) {
    return ask(address, "GET /metrics HTTP/1.0\r\n\r\n");
}

class MetricsDoorTest : public testing::Test {
protected:
    Result<std::unique_ptr<MetricsDoor>> start(const std::string& listen, bool anywhere = false) {
        return MetricsDoor::start(
            device, *log,
            {.config = {.listen = listen, .anywhere = anywhere},
             .folder = folder->path(),
             .engine_alive = [] { return false; },
             .delivery = [] { return DeliveryFigures{.waiting = 12, .dropped = 3}; }});
    }

    Result<TempFolder> folder = TempFolder::create(testing::TempDir(), "metrics");
    std::unique_ptr<Log> log = Log::silent();
    FakeDevice device;
};

TEST_F(MetricsDoorTest, TellsWhatRunsAndWhatIsWrong) {
    device.edit([](DeviceState& state) {
        state.device_name = "edge\"7\n\xff";
        state.boot_reason = "fallback: trial exhausted";
        state.alarms = {{.name = "upgrade-failed", .severity = Severity::major}};
    });
    const auto door = start("127.0.0.1:0");
    ASSERT_TRUE(door) << door.error().text();
    const auto answer = scrape((*door)->address());
    EXPECT_THAT(answer, HasSubstr("HTTP/1.1 200 OK"));
    EXPECT_THAT(answer, HasSubstr(R"(cutover_base_info{mark="running",name="nos",version="1.1.0"})"
                                  " 1"));
    EXPECT_THAT(answer, HasSubstr(R"(device="edge\"7\n)"));
    EXPECT_THAT(answer, Not(HasSubstr("\xff")));
    EXPECT_THAT(answer, HasSubstr(R"(cutover_boot_info{reason="fallback"} 1)"));
    EXPECT_THAT(answer, HasSubstr(R"(cutover_alarms{severity="major"} 1)"));
    EXPECT_THAT(answer, HasSubstr("cutover_engine_alive 0"));
    EXPECT_THAT(answer, HasSubstr("cutover_outbox_waiting_events 12"));
    EXPECT_THAT(answer, HasSubstr("cutover_operation_running 0"));
    EXPECT_THAT(ask((*door)->address(), "GET /etc/passwd HTTP/1.0\r\n\r\n"), HasSubstr(" 404 "));
}

TEST_F(MetricsDoorTest, CountsAnOperationThatEndedBetweenTwoScrapes) {
    constexpr auto kUpgrades = R"(cutover_operations_total{kind="upgrade",result="done"} )";
    {
        const auto door = start("127.0.0.1:0");
        ASSERT_TRUE(door) << door.error().text();
        EXPECT_THAT(scrape((*door)->address()), HasSubstr(kUpgrades + std::string("1\n")));
        ASSERT_TRUE(device.start({.kind = OperationKind::upgrade, .sources = {"/nos-1.2.0.cc"}}));
        device.play_to_the_end();
    }
    // The next life of the agent.
    const auto door = start("127.0.0.1:0");
    ASSERT_TRUE(door) << door.error().text();
    const auto answer = scrape((*door)->address());
    EXPECT_THAT(answer, HasSubstr(kUpgrades + std::string("2\n")));
    EXPECT_THAT(answer, HasSubstr("cutover_agent_starts_total 2"));
}

TEST_F(MetricsDoorTest, AsksTheDeviceOnceForAllWhoComeInTheSameSecond) {
    const auto door = start("127.0.0.1:0");
    ASSERT_TRUE(door) << door.error().text();
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_THAT(scrape((*door)->address()), Not(HasSubstr("cutover_security_epoch 77")));
    device.edit([](DeviceState& state) { state.epoch = 77; });
    const auto second = scrape((*door)->address());
    if (std::chrono::steady_clock::now() - begun < std::chrono::milliseconds(900)) {
        EXPECT_THAT(second, Not(HasSubstr("cutover_security_epoch 77")));
    } else {
        GTEST_SKIP() << "this machine has slept in between";
    }
}

TEST_F(MetricsDoorTest, ClientsWhoSayNothingHoldNobodyUpForLong) {
    const auto door = start("127.0.0.1:0");
    ASSERT_TRUE(door) << door.error().text();
    std::vector<UniqueFd> silent;
    silent.reserve(20);
    for (int i = 0; i < 10; ++i) silent.push_back(connect_to((*door)->address()));
    for (int i = 0; i < 10; ++i) {
        silent.push_back(connect_to((*door)->address()));
        static_cast<void>(::send(silent.back().get(), "GET /", 5, MSG_NOSIGNAL));
    }
    EXPECT_THAT(scrape((*door)->address()), HasSubstr("cutover_agent_info"));
}

TEST_F(MetricsDoorTest, ListensAtOwnAddressesOnlyUnlessItIsToldOtherwise) {
    EXPECT_EQ(start("0.0.0.0:0").error().id, "metrics.not_local");
    EXPECT_EQ(start("[::]:0").error().id, "metrics.not_local");
    EXPECT_EQ(start("localhost:0").error().id, "metrics.address");
    EXPECT_EQ(start("127.0.0.1s:0").error().id, "metrics.address");
    const auto anywhere = start("0.0.0.0:0", true);
    ASSERT_TRUE(anywhere) << anywhere.error().text();
    EXPECT_EQ(start((*anywhere)->address(), true).error().id, "metrics.address");
}

}  // namespace
}  // namespace cutover
