#include "doors/gnoi/remote_url.h"

#include <string>

#include <gtest/gtest.h>

#include "gnoi/common/common.pb.h"

namespace cutover::gnoi_door {
namespace {

using Download = ::gnoi::common::RemoteDownload;

std::string url_of(const std::string& path, Download::Protocol protocol = Download::UNKNOWN,
                   const std::string& user = {}, const std::string& password = {}) {
    Download download;
    download.set_path(path);
    download.set_protocol(protocol);
    if (!user.empty()) {
        download.mutable_credentials()->set_username(user);
        download.mutable_credentials()->set_cleartext(password);
    }
    const auto url = remote_url(download);
    return url ? *url : url.error().id;
}

TEST(RemoteUrl, IsMadeOfPathAndProtocol) {
    EXPECT_EQ(url_of("http://host/a.cc"), "http://host/a.cc");
    EXPECT_EQ(url_of("host/a.cc", Download::HTTPS), "https://host/a.cc");
    EXPECT_EQ(url_of("host:/a/b.cc", Download::SCP), "scp://host/a/b.cc");
    EXPECT_EQ(url_of("host:2222/b.cc", Download::SFTP), "sftp://host:2222/b.cc");
}

TEST(RemoteUrl, HasItsCredentialsEscaped) {
    EXPECT_EQ(url_of("host/a", Download::HTTP, "me", "p@ss/word"),
              "http://me:p%40ss%2Fword@host/a");
    EXPECT_EQ(url_of("http://you@host/a", Download::HTTP, "me", "x"), "door.gnoi_bad_request");
}

TEST(RemoteUrl, OfWhatIsNotFetchedIsRefused) {
    EXPECT_EQ(url_of(""), "door.gnoi_bad_request");
    EXPECT_EQ(url_of("host/a"), "door.gnoi_bad_request");
    EXPECT_EQ(url_of("file:///etc/passwd"), "door.gnoi_bad_request");
    EXPECT_EQ(url_of("stream://1"), "door.gnoi_bad_request");
    EXPECT_EQ(url_of("http://host/a b"), "door.gnoi_bad_request");
}

}  // namespace
}  // namespace cutover::gnoi_door
