#include "backends/systemd/notify.h"

#include <array>
#include <chrono>
#include <cstdlib>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/files.h"
#include "base/unique_fd.h"

namespace cutover {
namespace {

// A service manager, of which only the socket is there.
struct NotifyTest : testing::Test {
    NotifyTest() {
        const auto path = (folder.path() / "socket").string();
        sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
        path.copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
        EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
                  0);
        ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    }
    ~NotifyTest() override {
        for (const auto* const name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
            ::unsetenv(name);
    }
    NotifyTest(const NotifyTest&) = delete;
    NotifyTest& operator=(const NotifyTest&) = delete;

    std::string heard() const {
        std::array<char, 256> text{};
        const auto got = ::recv(socket.get(), text.data(), text.size(), MSG_DONTWAIT);
        return got > 0 ? std::string(text.data(), static_cast<std::size_t>(got)) : "";
    }

    TempFolder folder = TempFolder::create("/tmp", "notify").value();
    UniqueFd socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
};

TEST_F(NotifyTest, TheManagerIsTold) {
    notify_ready();
    EXPECT_EQ(heard(), "READY=1");
    notify_alive();
    EXPECT_EQ(heard(), "WATCHDOG=1");
    notify_status("install, 68 %\nREADY=0");
    EXPECT_EQ(heard(), "STATUS=install, 68 % READY=0");
    notify_stopping();
    EXPECT_EQ(heard(), "STOPPING=1");
}

TEST_F(NotifyTest, AWatchdogWaitsForTheMachineToRestart) {
    notify_restarting(std::chrono::seconds(100));
    EXPECT_EQ(heard(), "STATUS=the machine restarts");
    EXPECT_EQ(heard(), "");
    ::setenv("WATCHDOG_USEC", "60000000", 1);
    notify_restarting(std::chrono::seconds(100));
    EXPECT_EQ(heard(), "STATUS=the machine restarts");
    EXPECT_EQ(heard(), "WATCHDOG_USEC=100000000");
}

TEST_F(NotifyTest, WithoutAManagerNobodyIs) {
    ::unsetenv("NOTIFY_SOCKET");
    notify_ready();
    EXPECT_EQ(heard(), "");
}

TEST_F(NotifyTest, TheIntervalIsTheOneOfThisProcess) {
    EXPECT_FALSE(notify_interval());
    ::setenv("WATCHDOG_USEC", "60000000", 1);
    ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
    EXPECT_EQ(notify_interval(), std::chrono::seconds(60));
    ::setenv("WATCHDOG_PID", "1", 1);
    EXPECT_FALSE(notify_interval());
}

}  // namespace
}  // namespace cutover
