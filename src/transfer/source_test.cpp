#include "transfer/source.h"

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <span>
#include <stop_token>
#include <string>
#include <sys/stat.h>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"

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

TEST(SourceName, HidesCredentials) {
    EXPECT_EQ(source_name("https://user:secret@host:8443/nos.cc?token=secret#x"),
              "https://host:8443/nos.cc");
    EXPECT_EQ(source_name("http://a@b@host/x@y"), "http://host/x@y");
    EXPECT_EQ(source_name("http://user:pass@host"), "http://host");
    EXPECT_EQ(source_name("/srv/nos.cc"), "/srv/nos.cc");
}

}  // namespace
}  // namespace cutover
