#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <poll.h>
#include <span>
#include <stop_token>
#include <string>
#include <utility>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/test_http_server.h"
#include "transfer/source.h"

namespace cutover {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

// The proxy of whoever runs the tests does not know our server.
class WithoutProxy final : public testing::Environment {
    void SetUp() override { ::setenv("no_proxy", "127.0.0.1", 1); }
};
const auto* const kWithoutProxy = testing::AddGlobalTestEnvironment(new WithoutProxy);

// Every byte tells where it is, as far as one byte can.
std::string some_content(std::size_t size) {
    std::string content(size, '\0');
    for (std::size_t i = 0; i < size; ++i) content[i] = static_cast<char>(i * 7 + i / 251);
    return content;
}

TransferOptions quick() {
    return {.connect_timeout = 2s, .stall_timeout = 5s, .resume_backoff = 1ms};
}

Result<std::string> fetch(const std::string& url, const TransferOptions& options = quick()) {
    const auto source = TRY(open_source(url, options));
    std::string all;
    std::string part(100'000, '\0');
    for (;;) {
        const auto got = TRY(source->read(std::as_writable_bytes(std::span(part))));
        if (got == 0) return all;
        all.append(part, 0, got);
    }
}

// The position that "Range: bytes=N-" asks for; 0 without one.
std::size_t asked_from(const std::string& request) {
    const std::string key = "Range: bytes=";
    const auto at = request.find("\r\n" + key);
    return at == std::string::npos ? 0 : std::stoul(request.substr(at + 2 + key.size()));
}

std::string partial(const std::string& content, std::size_t from, const std::string& headers) {
    return fmt::format(
        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {}-{}/{}\r\nContent-Length: {}\r\n"
        "{}\r\n{}",
        from, content.size() - 1, content.size(), content.size() - from, headers,
        content.substr(from));
}

// Serves `content` with ranges, and breaks each connection but the last after `step` bytes of body.
TestHttpServer::Handler breaking(const std::string& content, std::size_t step,
                                 const std::string& headers) {
    return [=](const std::string& request) {
        const auto from = asked_from(request);
        auto reply = from == 0 ? ok_reply(content, headers).bytes : partial(content, from, headers);
        const auto head = reply.find("\r\n\r\n") + 4;
        if (content.size() - from > step) reply.resize(head + step);
        return TestReply{.bytes = std::move(reply)};
    };
}

TEST(HttpSource, GivesAllBytesInOrder) {
    const auto content = some_content(5'000'000);
    const TestHttpServer server([&](const std::string&) { return ok_reply(content); });
    const auto got = fetch(server.url("/nos.cc"));
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_TRUE(*got == content);
    EXPECT_EQ(server.requests().size(), 1U);
    EXPECT_THAT(server.requests().at(0), Not(HasSubstr("Range")));
}

TEST(HttpSource, TheLengthIsWhatTheServerSays) {
    const TestHttpServer server([&](const std::string&) { return ok_reply(some_content(5000)); });
    const auto source = open_source(server.url("/nos.cc"), quick());
    ASSERT_TRUE(source) << source.error().text();
    EXPECT_EQ((*source)->total_bytes(), 5000U);
}

TEST(HttpSource, AnEmptyFileIsEmpty) {
    const TestHttpServer server([](const std::string&) { return ok_reply(""); });
    EXPECT_EQ(fetch(server.url("/")).value(), "");
}

TEST(HttpSource, ABrokenTransferGoesOnWhereItStopped) {
    const auto content = some_content(500'000);
    const TestHttpServer server(breaking(content, 120'000, "ETag: \"v1\"\r\n"));
    const auto got = fetch(server.url("/nos.cc"));
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_TRUE(*got == content);
    const auto requests = server.requests();
    ASSERT_EQ(requests.size(), 5U);
    EXPECT_THAT(requests.at(1), HasSubstr("Range: bytes=120000-\r\n"));
    EXPECT_THAT(requests.at(1), HasSubstr("If-Range: \"v1\"\r\n"));
    EXPECT_EQ(asked_from(requests.at(4)), 480'000U);
}

TEST(HttpSource, AWeakTagIsNotUsedForBytesButTheDateIs) {
    const auto content = some_content(300'000);
    const std::string date = "Sat, 21 Nov 2026 10:02:11 GMT";
    const TestHttpServer server(
        breaking(content, 200'000, fmt::format("ETag: W/\"v1\"\r\nLast-Modified: {}\r\n", date)));
    EXPECT_TRUE(fetch(server.url("/")).value_or("") == content);
    EXPECT_THAT(server.requests().at(1), HasSubstr("If-Range: " + date));
}

TEST(HttpSource, AServerWithoutRangesSendsTheSameFileAgain) {
    const auto content = some_content(300'000);
    std::atomic<int> asked = 0;
    const TestHttpServer server([&](const std::string&) {
        auto reply = ok_reply(content, "ETag: \"v1\"\r\n");
        if (++asked == 1) reply.bytes.resize(reply.bytes.size() - 100'000);
        return reply;
    });
    const auto got = fetch(server.url("/"));
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_TRUE(*got == content);
}

TEST(HttpSource, AFileThatChangedMeanwhileIsNotMixedWithTheOldOne) {
    const auto content = some_content(300'000);
    std::atomic<int> asked = 0;
    const TestHttpServer server([&](const std::string&) {
        auto reply = ok_reply(content, fmt::format("ETag: \"v{}\"\r\n", ++asked));
        if (asked == 1) reply.bytes.resize(reply.bytes.size() - 100'000);
        return reply;
    });
    const auto got = fetch(server.url("/"));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().id, "transfer.changed");
}

TEST(HttpSource, GivesUpWhenNoAttemptBringsAnything) {
    const auto content = some_content(300'000);
    std::atomic<int> asked = 0;
    const TestHttpServer server([&](const std::string&) {
        auto reply = ok_reply(content);
        reply.bytes.resize(++asked == 1 ? reply.bytes.size() - 1000 : 0);
        return reply;
    });
    auto options = quick();
    options.max_resumes = 3;
    const auto got = fetch(server.url("/"), options);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().id, "transfer.broken");
    EXPECT_EQ(asked, 4);
}

TEST(HttpSource, AServerErrorDuringAResumePassesByAndOneAtTheStartDoesNot) {
    const auto content = some_content(300'000);
    std::atomic<int> asked = 0;
    const TestHttpServer server([&](const std::string& request) {
        ++asked;
        if (asked == 1) {
            auto reply = ok_reply(content, "ETag: \"v1\"\r\n");
            reply.bytes.resize(reply.bytes.size() - 1000);
            return reply;
        }
        if (asked == 2)
            return TestReply{.bytes = "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy"};
        return TestReply{.bytes = partial(content, asked_from(request), "ETag: \"v1\"\r\n")};
    });
    EXPECT_TRUE(fetch(server.url("/")).value_or("") == content);
    const TestHttpServer busy([](const std::string&) {
        return TestReply{.bytes = "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy"};
    });
    EXPECT_EQ(fetch(busy.url("/")).error().id, "transfer.http_status");
}

TEST(HttpSource, SilenceInTheMiddleEndsWithTheStallDeadline) {
    const TestHttpServer server([](const std::string&) {
        return TestReply{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nsome",
                         .then_hang = true};
    });
    auto options = quick();
    options.stall_timeout = 50ms;
    const auto got = fetch(server.url("/"), options);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().id, "transfer.timeout");
    EXPECT_EQ(server.requests().size(), 1U);
}

TEST(HttpSource, SilenceAtTheStartEndsToo) {
    const TestHttpServer server(
        [](const std::string&) { return TestReply{.bytes = "", .then_hang = true}; });
    auto options = quick();
    options.connect_timeout = 30ms;
    options.stall_timeout = 30ms;
    EXPECT_EQ(fetch(server.url("/"), options).error().id, "transfer.timeout");
}

TEST(HttpSource, ASlowReaderIsNotAStall) {
    const auto content = some_content(3'000'000);
    const TestHttpServer server([&](const std::string&) { return ok_reply(content); });
    auto options = quick();
    options.stall_timeout = 30ms;
    const auto source = open_source(server.url("/"), options);
    ASSERT_TRUE(source);
    std::string all;
    std::string part(1'500'000, '\0');
    for (int i = 0; i < 2; ++i) {
        ::poll(nullptr, 0, 60);  // a reader that takes longer than the deadline
        const auto got = (*source)->read(std::as_writable_bytes(std::span(part)));
        ASSERT_TRUE(got) << got.error().text();
        all.append(part, 0, *got);
    }
    EXPECT_TRUE(all == content);
}

TEST(HttpSource, StopsWhenAsked) {
    std::stop_source stop;
    const TestHttpServer server([&](const std::string&) {
        stop.request_stop();
        return TestReply{.bytes = "", .then_hang = true};
    });
    auto options = quick();
    options.stop = stop.get_token();
    EXPECT_EQ(fetch(server.url("/"), options).error().kind, Errc::cancelled);
}

TEST(HttpSource, StatusesHaveErrorsOfTheirOwn) {
    std::atomic<int> status = 404;
    const TestHttpServer server([&](const std::string&) {
        return TestReply{
            .bytes = fmt::format("HTTP/1.1 {} X\r\nContent-Length: 3\r\n\r\nbad", status.load())};
    });
    EXPECT_EQ(fetch(server.url("/")).error().id, "transfer.not_found");
    status = 403;
    EXPECT_EQ(fetch(server.url("/")).error().id, "transfer.denied");
    status = 418;
    const auto other = fetch(server.url("/"));
    EXPECT_EQ(other.error().id, "transfer.http_status");
    EXPECT_THAT(other.error().message, HasSubstr("418"));
}

// Sends everybody on to `target`, and has content at /there.
TestHttpServer::Handler redirecting(const std::string& target) {
    return [=](const std::string& request) {
        if (request.starts_with("GET /there ")) return ok_reply("content");
        return TestReply{
            .bytes = fmt::format("HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n",
                                 target)};
    };
}

TEST(HttpSource, RedirectsAreFollowedFiveTimesAndOnlyToHttp) {
    const TestHttpServer there(redirecting("/there"));
    EXPECT_EQ(fetch(there.url("/")).value_or(""), "content");
    const TestHttpServer endless(redirecting("/again"));
    EXPECT_EQ(fetch(endless.url("/")).error().id, "transfer.redirect");
    EXPECT_EQ(endless.requests().size(), 6U);
    const TestHttpServer file(redirecting("file:///etc/passwd"));
    EXPECT_EQ(fetch(file.url("/")).error().id, "transfer.redirect");
}

TEST(HttpSource, NobodyThereIsUnreachableAndCredentialsStaySecret) {
    int port = 0;
    {
        const TestHttpServer gone([](const std::string&) { return ok_reply(""); });
        port = gone.port();
    }
    const auto got = fetch(fmt::format("http://me:secret@127.0.0.1:{}/x?key=secret", port));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().id, "transfer.unreachable");
    EXPECT_THAT(got.error().text(), Not(HasSubstr("secret")));
}

TEST(HttpSource, CredentialsOfTheUrlAreUsed) {
    const TestHttpServer server([](const std::string&) { return ok_reply("x"); });
    EXPECT_TRUE(fetch(fmt::format("http://me:secret@127.0.0.1:{}/", server.port())));
    EXPECT_THAT(server.requests().at(0), HasSubstr("Authorization: Basic bWU6c2VjcmV0"));
}

}  // namespace
}  // namespace cutover
