#include "transfer/upload.h"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <stop_token>
#include <string>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/test_http_server.h"

namespace cutover {
namespace {

struct Uploads : testing::Test {
    Result<TempFolder> folder = TempFolder::create(testing::TempDir(), "upload");
    std::filesystem::path file = folder->path() / "content";

    Uploads() { std::ofstream(file) << "what went wrong"; }

    std::string result(const std::string& url, const UploadOptions& options = {}) const {
        const auto done = upload(file, url, options);
        return done ? "done" : done.error().id;
    }
};

TEST_F(Uploads, AFileIsPutToItsUrl) {
    TestHttpServer server([](const std::string&) { return ok_reply(""); });
    std::uint64_t sent = 0;
    const auto note = [&](std::uint64_t done, std::uint64_t /*total*/) { sent = done; };
    EXPECT_EQ(result(server.url("/in/a.tar"), {.on_progress = note}), "done");
    ASSERT_FALSE(server.requests().empty());
    EXPECT_TRUE(server.requests().front().starts_with("PUT /in/a.tar "));
}

TEST_F(Uploads, AServerThatRefusesIsTold) {
    TestHttpServer server([](const std::string&) {
        return TestReply{.bytes = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"};
    });
    EXPECT_EQ(result(server.url("/x")), "transfer.denied");
}

TEST_F(Uploads, OnlyServersAreGivenAFile) {
    EXPECT_EQ(result("file:///tmp/x"), "transfer.bad_source");
    EXPECT_EQ(result("smtp://host/x"), "transfer.bad_source");
    EXPECT_EQ(result("sftp://host/x"), "transfer.host_key");
    EXPECT_EQ(result("http://127.0.0.1:1/x"), "transfer.unreachable");
}

TEST_F(Uploads, StopsWhenAsked) {
    TestHttpServer server([](const std::string&) { return ok_reply(""); });
    std::stop_source stop;
    stop.request_stop();
    EXPECT_EQ(result(server.url("/x"), {.stop = stop.get_token()}), "general.cancelled");
}

}  // namespace
}  // namespace cutover
