#include "base/journal_target.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/unique_fd.h"

namespace cutover {
namespace {

// As systemd's JOURNAL_NATIVE_PROTOCOL says: NAME=value, or NAME, the length in 64 bits, value.
std::map<std::string, std::string> fields_of(std::string_view datagram) {
    std::map<std::string, std::string> fields;
    while (!datagram.empty()) {
        const auto line = datagram.substr(0, datagram.find('\n'));
        const auto equals = line.find('=');
        if (equals != std::string_view::npos) {
            fields.emplace(line.substr(0, equals), line.substr(equals + 1));
            datagram.remove_prefix(line.size() + 1);
            continue;
        }
        datagram.remove_prefix(line.size() + 1);
        std::uint64_t size = 0;
        for (std::size_t i = 0; i < 8; ++i)
            size |= static_cast<std::uint64_t>(static_cast<unsigned char>(datagram.at(i)))
                    << (8 * i);
        fields.emplace(line, datagram.substr(8, size));
        EXPECT_EQ(datagram.at(8 + size), '\n');
        datagram.remove_prefix(8 + size + 1);
    }
    return fields;
}

// A journal, of which only the socket is there.
struct JournalTest : testing::Test {
    JournalTest() { listen(); }

    void listen() {
        socket = UniqueFd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        ::unlink(path.c_str());
        sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
        path.copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
        EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
                  0);
    }
    std::map<std::string, std::string> heard() const {
        std::array<char, 65536> text{};
        const auto got = ::recv(socket.get(), text.data(), text.size(), MSG_DONTWAIT);
        return fields_of({text.data(), static_cast<std::size_t>(got > 0 ? got : 0)});
    }

    TempFolder folder = TempFolder::create("/tmp", "journal").value();
    std::string path = (folder.path() / "socket").string();
    UniqueFd socket;
};

TEST_F(JournalTest, GetsALineWithItsFields) {
    const auto log = Log::open({.to_stderr = false, .journal = path, .device = "edge-7"});
    ASSERT_TRUE(log);
    (*log)->warning("it\nbroke", {{"operation", "14"},
                                  {"plan-hash", "7f3c"},
                                  {kMessageId, "00112233445566778899aabbccddeeff"}});
    EXPECT_EQ(heard(), (std::map<std::string, std::string>{
                           {"MESSAGE", "it broke operation=14 plan-hash=7f3c"},
                           {"PRIORITY", "4"},
                           {"SYSLOG_IDENTIFIER", "cutoverd"},
                           {"CUTOVER_DEVICE", "edge-7"},
                           {"CUTOVER_OPERATION", "14"},
                           {"CUTOVER_PLAN_HASH", "7f3c"},
                           {"MESSAGE_ID", "00112233445566778899aabbccddeeff"}}));
    (*log)->debug("below the level");
    EXPECT_TRUE(heard().empty());
}

TEST_F(JournalTest, AValueCannotForgeAField) {
    const auto journal = JournalTarget::open(path);
    ASSERT_TRUE(journal);
    const std::array<std::pair<std::string_view, std::string>, 1> fields{
        {{"error", "x\nPRIORITY=0\nMESSAGE=all is well"}}};
    EXPECT_TRUE(journal->send(3, "a\nPRIORITY=1", fields));
    const auto heard_fields = heard();
    EXPECT_EQ(heard_fields.at("PRIORITY"), "3");
    EXPECT_EQ(heard_fields.at("MESSAGE"), "a\nPRIORITY=1");
    EXPECT_EQ(heard_fields.at("CUTOVER_ERROR"), "x\nPRIORITY=0\nMESSAGE=all is well");
}

TEST_F(JournalTest, WhatIsLongIsCut) {
    const auto journal = JournalTarget::open(path);
    ASSERT_TRUE(journal);
    EXPECT_TRUE(journal->send(6, std::string(1'000'000, 'x'), {}));
    EXPECT_EQ(heard().at("MESSAGE").size(), 8192U);
}

TEST_F(JournalTest, ItMayBeRestarted) {
    const auto journal = JournalTarget::open(path);
    ASSERT_TRUE(journal);
    EXPECT_TRUE(journal->send(6, "one", {}));
    listen();
    EXPECT_TRUE(journal->send(6, "two", {}));
    EXPECT_EQ(heard().at("MESSAGE"), "two");
}

TEST_F(JournalTest, OneThatReadsNothingHoldsNobodyUp) {
    const auto journal = JournalTarget::open(path);
    ASSERT_TRUE(journal);
    bool taken = true;
    for (int i = 0; i < 10'000 && taken; ++i) taken = journal->send(6, "line", {});
    EXPECT_FALSE(taken);
}

TEST(JournalTarget, StandardErrorIsTheJournalWhenTheManagerSaysSoOfThisVeryStream) {
    struct stat status{};
    ASSERT_EQ(::fstat(STDERR_FILENO, &status), 0);
    const auto own = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
    ::setenv("JOURNAL_STREAM", own.c_str(), 1);
    EXPECT_TRUE(JournalTarget::is_standard_error());
    ::setenv("JOURNAL_STREAM", (own + "1").c_str(), 1);  // of a parent; this one was redirected
    EXPECT_FALSE(JournalTarget::is_standard_error());
    ::unsetenv("JOURNAL_STREAM");
    EXPECT_FALSE(JournalTarget::is_standard_error());
}

TEST(JournalTarget, APathThatIsTooLongForASocketIsSaid) {
    EXPECT_FALSE(JournalTarget::open("/" + std::string(200, 'x')));
}

}  // namespace
}  // namespace cutover
