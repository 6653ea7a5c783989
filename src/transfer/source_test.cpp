#include "transfer/source.h"

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <sys/stat.h>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "crypto/digest.h"

namespace cutover {
namespace {

std::string id_of(const std::string& source) {
    const auto opened = open_source(source, {});
    return opened ? "opened" : opened.error().id;
}

struct FileSources : testing::Test {
    Result<TempFolder> folder = TempFolder::create(testing::TempDir(), "transfer");
    std::string path(const std::string& name) const { return (folder->path() / name).string(); }

    static std::string content_of(const std::string& source) {
        const auto opened = open_source(source, {});
        if (!opened) return opened.error().text();
        std::string text(100, '\0');
        const auto got = (*opened)->read(std::as_writable_bytes(std::span(text)));
        text.resize(got.value_or(0));
        return text;
    }
};

TEST_F(FileSources, APathAndItsUrlGiveTheSameBytes) {
    std::ofstream(path("a b.cc")) << "content";
    EXPECT_EQ(content_of(path("a b.cc")), "content");
    EXPECT_EQ(content_of("file://" + path("a%20b.cc")), "content");
    EXPECT_EQ(content_of("file://localhost" + path("a%20b.cc")), "content");
}

TEST_F(FileSources, TheLengthIsKnownBeforeTheEnd) {
    std::ofstream(path("a")) << "content";
    const auto opened = open_source(path("a"), {});
    ASSERT_TRUE(opened);
    EXPECT_EQ((*opened)->total_bytes(), 7U);
}

TEST_F(FileSources, WhatIsNoFileIsRefused) {
    EXPECT_EQ(id_of(path("missing")), "transfer.not_found");
    EXPECT_EQ(id_of(folder->path().string()), "transfer.bad_source");
    ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
    EXPECT_EQ(id_of(path("pipe")), "transfer.bad_source") << "and does not wait for a writer";
}

TEST(Sources, OnlyAbsolutePathsAndKnownSchemesAreTaken) {
    for (const auto* const source : {"", "relative.cc", "ftp://host/x", "file://host/x",
                                     "file:///a%", "file:///a%zz", "file:///a%00b"})
        EXPECT_EQ(id_of(source), "transfer.bad_source") << source;
}

TEST_F(FileSources, StopsWhenAsked) {
    std::ofstream(path("a")) << "content";
    std::stop_source stop;
    const auto opened = open_source(path("a"), {.stop = stop.get_token()});
    ASSERT_TRUE(opened);
    stop.request_stop();
    std::string text(10, '\0');
    EXPECT_EQ((*opened)->read(std::as_writable_bytes(std::span(text))).error().kind,
              Errc::cancelled);
}

TEST_F(FileSources, AUrlMaySayWhatItsBytesAre) {
    std::ofstream(path("a")) << "content";
    const auto pinned = [&](const std::string& digits) {
        return content_of("file://" + path("a") + "#sha256=" + digits);
    };
    const auto right = to_hex(sha256(std::string_view("content")));
    EXPECT_EQ(pinned(right), "content");
    EXPECT_EQ(pinned(to_hex(sha256(std::string_view("other")))), "") << "an error, and no byte";
    EXPECT_EQ(id_of("file://" + path("a") + "#sha256=123"), "transfer.bad_checksum");
    EXPECT_EQ(id_of("file://" + path("a") + "#sha256=" + std::string(64, 'A')),
              "transfer.bad_checksum");
}

TEST_F(FileSources, AWrongChecksumIsAnErrorAtTheEndEvenWhenNobodyReadsPastIt) {
    std::ofstream(path("a")) << "content";
    const auto opened = open_source(
        "file://" + path("a") + "#sha256=" + to_hex(sha256(std::string_view("other"))), {});
    ASSERT_TRUE(opened);
    std::string text(7, '\0');
    const auto first = (*opened)->read(std::as_writable_bytes(std::span(text).first(6)));
    EXPECT_EQ(first.value_or(0), 6U);
    const auto last = (*opened)->read(std::as_writable_bytes(std::span(text).last(1)));
    ASSERT_FALSE(last);
    EXPECT_EQ(last.error().id, "transfer.wrong_checksum");
}

TEST_F(FileSources, AServerOverSshIsAskedOnlyWhereServersAreKnown) {
    EXPECT_EQ(id_of("sftp://user:secret@127.0.0.1:1/x"), "transfer.host_key");
    const auto opened =
        open_source("scp://user:secret@127.0.0.1:1/x", {.known_hosts = path("none")});
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().id, "transfer.host_key");
    EXPECT_FALSE(opened.error().text().contains("secret"));
}

TEST(SourceName, HidesCredentials) {
    EXPECT_EQ(source_name("sftp://user:secret@host:22/nos.cc#sha256=12"), "sftp://host:22/nos.cc");
    EXPECT_EQ(source_name("ftp://user:secret@host/nos.cc"), "ftp://host/nos.cc");
    EXPECT_EQ(source_name("https://user:secret@host:8443/nos.cc?token=secret#x"),
              "https://host:8443/nos.cc");
    EXPECT_EQ(source_name("http://a@b@host/x@y"), "http://host/x@y");
    EXPECT_EQ(source_name("http://user:pass@host"), "http://host");
    EXPECT_EQ(source_name("/srv/nos.cc"), "/srv/nos.cc");
}

}  // namespace
}  // namespace cutover
