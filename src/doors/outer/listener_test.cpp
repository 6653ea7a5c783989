#include "doors/outer/listener.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <sys/types.h>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"

namespace cutover {
namespace {

constexpr mode_t kOwnerOnly = 0600;

struct Addresses : testing::Test {
    Result<TempFolder> folder = TempFolder::create("/tmp", "door");

    std::string result(const std::string& listen) const {
        const auto made = listen_at(listen, folder->path(), kOwnerOnly);
        return made ? "listens" : made.error().id;
    }
};

TEST_F(Addresses, OfThisMachineAreTaken) {
    for (const auto* const listen :
         {"127.0.0.1:0", "127.8.9.1:0", "localhost:0", "unix:door.sock", "0.0.0.0:0"})
        EXPECT_EQ(result(listen), "listens") << listen;
    EXPECT_EQ(result("192.0.2.1:0"), "listens") << "it may become ours later";
}

TEST_F(Addresses, ThatAreNoneAreRefused) {
    const auto taken = listen_at("127.0.0.1:0", {}, 0);
    ASSERT_TRUE(taken);
    EXPECT_EQ(result(taken->address), "door.address");
    for (const auto* const listen : {"no.such.host.invalid:1", "127.0.0.1:99999999", "x"})
        EXPECT_EQ(result(listen), "door.address") << listen;
    EXPECT_EQ(result("unix:" + std::string(200, 'x')), "door.address");
}

TEST_F(Addresses, APortThatWasFreeIsTold) {
    const auto made = listen_at("127.0.0.1:0", {}, 0);
    ASSERT_TRUE(made);
    EXPECT_FALSE(made->local);
    EXPECT_TRUE(made->address.starts_with("127.0.0.1:"));
    EXPECT_NE(made->address, "127.0.0.1:0");
}

TEST_F(Addresses, ASocketIsItsOwnersAloneAndGoesWithTheDoor) {
    const auto path = folder->path() / "door.sock";
    {
        const auto made = listen_at("unix:door.sock", folder->path(), kOwnerOnly);
        ASSERT_TRUE(made);
        EXPECT_TRUE(made->local);
        struct stat info{};
        ASSERT_EQ(::stat(path.c_str(), &info), 0);
        EXPECT_EQ(info.st_mode & 0777, 0600U);
        EXPECT_EQ(result("unix:door.sock"), "door.address") << "somebody listens";
    }
    EXPECT_FALSE(std::filesystem::exists(path));
    std::ofstream(path) << "a file of somebody";
    EXPECT_EQ(result("unix:door.sock"), "door.address");
    EXPECT_TRUE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace cutover
