#include "doors/native/socket.h"

#include <cstring>
#include <filesystem>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <gtest/gtest.h>

#include "base/files.h"
#include "base/unique_fd.h"
#include "doors/native/errors.h"

namespace cutover {
namespace {

UniqueFd listen_at(const std::string& name) {
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(&address.sun_path, name.data(), name.size());
    const auto* generic = static_cast<const sockaddr*>(static_cast<const void*>(&address));
    if (::bind(fd.get(), generic, sizeof(address)) != 0 || ::listen(fd.get(), 1) != 0) fd.reset();
    return fd;
}

class SocketTest : public testing::Test {
protected:
    SocketTest() : folder_(*TempFolder::create(std::filesystem::temp_directory_path(), "socket")) {}

    TempFolder folder_;
};

TEST_F(SocketTest, AppearsWithItsModeAndIsTakenAway) {
    const auto path = folder_.path() / "agent.sock";
    {
        auto hidden = HiddenSocket::create(path);
        ASSERT_TRUE(hidden);
        const auto listener = listen_at((*hidden)->bind_name());
        ASSERT_TRUE(listener);
        EXPECT_FALSE(std::filesystem::exists(path));
        ASSERT_TRUE((*hidden)->publish(0660));
        struct stat found{};
        ASSERT_EQ(::lstat(path.c_str(), &found), 0);
        EXPECT_EQ(found.st_mode & 0777U, 0660U);
        EXPECT_TRUE(*somebody_listens(path));
    }
    EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(SocketTest, RefusesThePlaceOfALivingAgentAndTakesThatOfADeadOne) {
    const auto path = folder_.path() / "agent.sock";
    auto listener = listen_at(path.string());
    ASSERT_TRUE(listener);
    const auto refused = HiddenSocket::create(path);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().id, errors::door_socket_in_use.id);

    listener.reset();  // dead: the file stays, nobody listens
    ASSERT_TRUE(std::filesystem::exists(path));
    const auto taken = HiddenSocket::create(path);
    ASSERT_TRUE(taken);
    const auto second = listen_at((*taken)->bind_name());
    EXPECT_TRUE((*taken)->publish(0600));
}

TEST_F(SocketTest, LeavesAFileThatIsNoSocketAlone) {
    const auto path = folder_.path() / "agent.sock";
    ASSERT_TRUE(write_file_durably(path, "precious"));
    const auto refused = HiddenSocket::create(path);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().id, errors::door_not_a_socket.id);
    EXPECT_EQ(*read_file(path, 100), "precious");
}

TEST_F(SocketTest, DoesNotTakeAwayTheSocketOfItsSuccessor) {
    const auto path = folder_.path() / "agent.sock";
    auto first = HiddenSocket::create(path);
    auto listener = listen_at((*first)->bind_name());
    ASSERT_TRUE((*first)->publish(0600));
    listener.reset();
    auto second = HiddenSocket::create(path);
    ASSERT_TRUE(second);
    const auto successor = listen_at((*second)->bind_name());
    ASSERT_TRUE((*second)->publish(0600));
    (*first)->withdraw();
    EXPECT_TRUE(*somebody_listens(path));
}

TEST_F(SocketTest, WorksBelowPathsLongerThanASocketAddress) {
    const auto deep = folder_.path() / std::string(100, 'd') / std::string(100, 'e');
    ASSERT_TRUE(make_folders(deep));
    const auto path = deep / "agent.sock";
    const auto hidden = HiddenSocket::create(path);
    ASSERT_TRUE(hidden);
    const auto listener = listen_at((*hidden)->bind_name());
    ASSERT_TRUE(listener);
    ASSERT_TRUE((*hidden)->publish(0600));
    EXPECT_TRUE(*somebody_listens(path));
}

TEST_F(SocketTest, IsNotHinderedByWhatAPowerCutLeft) {
    const auto path = folder_.path() / "agent.sock";
    ASSERT_TRUE(make_folders(folder_.path() / "agent.sock.new"));
    const auto left = listen_at((folder_.path() / "agent.sock.new/socket").string());
    EXPECT_TRUE(HiddenSocket::create(path));
}

}  // namespace
}  // namespace cutover
