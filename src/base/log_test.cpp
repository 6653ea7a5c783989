#include "base/log.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cstddef>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <string>
#include <sys/socket.h>

#include <gtest/gtest.h>

#include "base/files.h"
#include "base/unique_fd.h"

namespace cutover {
namespace {

TEST(Log, WritesOneJsonObjectALine) {
    const auto folder = TempFolder::create(testing::TempDir(), "log");
    ASSERT_TRUE(folder);
    const auto file = folder->path() / "agent.log";
    auto log = Log::open({.to_stderr = false, .json_file = file});
    ASSERT_TRUE(log);
    (*log)->info("stage\nbegun", {{"operation", "14"}});
    (*log)->debug("below the level");

    const auto text = read_file(file, 10'000);
    ASSERT_TRUE(text);
    ASSERT_EQ(std::ranges::count(*text, '\n'), 1);
    const auto line = nlohmann::json::parse(*text);
    EXPECT_EQ(line["level"], "info");
    EXPECT_EQ(line["text"], "stage\nbegun");
    EXPECT_EQ(line["operation"], "14");
}

TEST(Log, ALevelCanBeSetWhileItIsOpen) {
    const auto folder = TempFolder::create(testing::TempDir(), "log");
    ASSERT_TRUE(folder);
    const auto file = folder->path() / "agent.log";
    auto log = Log::open({.to_stderr = false, .json_file = file});
    ASSERT_TRUE(log);
    (*log)->set_level(LogLevel::debug);
    (*log)->debug("seen");
    (*log)->set_level(LogLevel::error);
    EXPECT_EQ((*log)->level(), LogLevel::error);
    (*log)->warning("not seen");
    const auto text = read_file(file, 10'000).value_or("");
    EXPECT_TRUE(text.contains("\"seen\""));
    EXPECT_FALSE(text.contains("not seen"));
}

TEST(Log, LinesGoToAnotherMachineAsSyslogMessages) {
    const UniqueFd receiver(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    ASSERT_EQ(::bind(receiver.get(), generic, length), 0);
    ASSERT_EQ(::getsockname(receiver.get(), generic, &length), 0);
    const auto log = Log::silent();
    ASSERT_TRUE(log->send_to("127.0.0.1:" + std::to_string(ntohs(address.sin_port))));
    log->error("it\nbroke", {{"slot", "A"}});
    std::array<char, 1000> buffer{};
    const auto got = ::recv(receiver.get(), buffer.data(), buffer.size(), 0);
    ASSERT_GT(got, 0);
    const std::string message(buffer.data(), static_cast<std::size_t>(got));
    EXPECT_TRUE(message.starts_with("<27>1 ")) << message;
    EXPECT_TRUE(message.ends_with("it broke slot=A")) << message;
    EXPECT_FALSE(log->send_to("nonsense"));
    EXPECT_TRUE(log->send_to(""));
}

TEST(Log, SaysWhichFileItCannotOpen) {
    const auto log = Log::open({.to_stderr = false, .json_file = "/proc/none/agent.log"});
    ASSERT_FALSE(log);
    EXPECT_TRUE(log.error().message.contains("/proc/none/agent.log"));
}

}  // namespace
}  // namespace cutover
