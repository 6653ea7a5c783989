#include "platform/probe.h"

#include <chrono>
#include <stop_token>
#include <string>
#include <utility>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/test_http_server.h"
#include "model/manifest.h"

namespace cutover {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

Result<std::string> ask(const HealthSpec& check, std::stop_token stop = {}) {
    return run_probe(check, {.root = "/", .environment = {{"MODE", "test"}}}, std::move(stop));
}

int unused_port() {
    const TestHttpServer gone([](const std::string&) { return ok_reply(""); });
    return gone.port();
}

TEST(HttpProbe, AnAnswerIsHealthyAndSaysSo) {
    const TestHttpServer server([](const std::string&) { return ok_reply("hello"); });
    const auto answer = ask({.name = "web", .http = server.url("/")});
    ASSERT_TRUE(answer) << answer.error().text();
    EXPECT_THAT(*answer, HasSubstr(server.url("/") + " answered 200"));
}

TEST(HttpProbe, ARedirectIsHealthyAndNotFollowed) {
    const TestHttpServer server([](const std::string&) {
        return TestReply{.bytes =
                             "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"};
    });
    EXPECT_TRUE(ask({.name = "web", .http = server.url("/")}));
    EXPECT_EQ(server.requests().size(), 1U);
}

TEST(HttpProbe, AnErrorStatusIsNotHealthyAndKeepsABoundedPartOfTheAnswer) {
    const TestHttpServer server([](const std::string&) {
        return TestReply{.bytes =
                             "HTTP/1.1 500 Broken\r\n\r\nno database" + std::string(100'000, '.')};
    });
    const auto answer = ask({.name = "web", .http = server.url("/")});
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().id, "health.failed");
    EXPECT_THAT(answer.error().message, HasSubstr("answered 500: no database"));
    EXPECT_LT(answer.error().message.size(), 5000U);
}

TEST(HttpProbe, NobodyThereIsNotHealthy) {
    const auto url = fmt::format("http://127.0.0.1:{}/", unused_port());
    const auto answer = ask({.name = "web", .http = url});
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().id, "health.failed");
    EXPECT_THAT(answer.error().message, HasSubstr(url));
}

TEST(HttpProbe, SilenceEndsWithTheTimeout) {
    const TestHttpServer server(
        [](const std::string&) { return TestReply{.bytes = "", .then_hang = true}; });
    const auto answer = ask({.name = "web", .http = server.url("/"), .timeout = 50ms});
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, Errc::timeout);
}

TEST(HttpProbe, StopsWhenAsked) {
    std::stop_source stop;
    const TestHttpServer server([&stop](const std::string&) {
        stop.request_stop();
        return TestReply{.bytes = "", .then_hang = true};
    });
    const auto answer =
        ask({.name = "web", .http = server.url("/"), .timeout = 60s}, stop.get_token());
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, Errc::cancelled);
}

TEST(TcpProbe, AnOpenPortIsHealthyAndAClosedOneIsNot) {
    const TestHttpServer server([](const std::string&) { return ok_reply(""); });
    EXPECT_TRUE(ask({.name = "tcp", .tcp = fmt::format("127.0.0.1:{}", server.port())}));
    EXPECT_TRUE(ask({.name = "tcp", .tcp = fmt::format("localhost:{}", server.port())}));
    const auto closed = ask({.name = "tcp", .tcp = fmt::format("127.0.0.1:{}", unused_port())});
    ASSERT_FALSE(closed);
    EXPECT_EQ(closed.error().id, "health.failed");
    EXPECT_THAT(closed.error().message, HasSubstr("refused"));
}

TEST(TcpProbe, ANameWithoutAnAddressIsNotHealthy) {
    EXPECT_EQ(ask({.name = "tcp", .tcp = "no-such-host.invalid:80"}).error().id, "health.failed");
    EXPECT_EQ(ask({.name = "tcp", .tcp = "nonsense"}).error().kind, Errc::invalid);
}

TEST(ExecProbe, TheExitCodeDecidesAndTheOutputIsTheAnswer) {
    const auto answer = ask({.name = "x", .exec = {"/bin/sh", "-c", "echo $MODE in $PWD"}});
    ASSERT_TRUE(answer) << answer.error().text();
    EXPECT_EQ(*answer, "test in /");
    const auto failed = ask({.name = "x", .exec = {"bin/sh", "-c", "echo no route; exit 3"}});
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().id, "health.failed");
    EXPECT_EQ(failed.error().message, "bin/sh ended with 3: no route");
}

TEST(ExecProbe, AHangingProgramEndsWithTheTimeout) {
    const auto answer = ask({.name = "x", .exec = {"bin/sleep", "60"}, .timeout = 50ms});
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, Errc::timeout);
}

TEST(Probe, ACheckThatAsksNothingIsInvalid) {
    EXPECT_EQ(ask({.name = "x"}).error().kind, Errc::invalid);
}

}  // namespace
}  // namespace cutover
