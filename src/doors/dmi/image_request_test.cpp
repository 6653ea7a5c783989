#include "doors/dmi/image_request.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dmi/commons.pb.h"
#include "dmi/sw_image.pb.h"
#include "doors/dmi/errors.h"
#include "model/operation.h"

namespace cutover::dmi_wire {
namespace {

using ::testing::ElementsAre;

::dmi::ImageInformation image(const std::string& url) {
    ::dmi::ImageInformation result;
    result.set_image_url(url);
    return result;
}

TEST(InstallRequest, CarriesTheDigestAndTheWantedBase) {
    auto wanted = image("https://host/nos.cup#sha256=of-the-client");
    wanted.set_sha256sum(std::string(64, 'A'));
    wanted.mutable_image()->set_image_name("nos");
    wanted.mutable_image()->set_version("1.1.0");
    const auto request = install_request(wanted);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->kind, OperationKind::install);
    EXPECT_THAT(request->sources,
                ElementsAre("https://host/nos.cup#sha256=" + std::string(64, 'a')));
    EXPECT_EQ(request->only_base->name, "nos");
    EXPECT_EQ(request->only_base->version, "1.1.0");
}

TEST(InstallRequest, RefusesWhatItCannotKeepTo) {
    for (const auto* url : {"", "nos.cup", "ftp://host/nos.cup", "http:/host", "https://h/a b",
                            "https://h/\x7f", "ftp://https://h/"})
        EXPECT_FALSE(install_request(image(url))) << url;
    EXPECT_FALSE(install_request(image("https://h/" + std::string(4096, 'a'))));
    auto script = image("https://host/nos.cup");
    script.set_image_install_script("rm -rf /");
    EXPECT_FALSE(install_request(script));
    auto digest = image("https://host/nos.cup");
    digest.set_sha256sum("abc");
    EXPECT_FALSE(install_request(digest));
}

TEST(InstallRequest, SaysNoPasswordOfARefusedUrl) {
    const auto refused = install_request(image("ftp://bob:hunter2@host/nos.cup?key=hunter3"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().id, errors::dmi_bad_request.id);
    EXPECT_THAT(refused.error().text(), ::testing::Not(::testing::HasSubstr("hunter")));
}

TEST(ShownUrl, HasNoSecretsAndIsNotSaidBackWhenItIsTooLong) {
    EXPECT_EQ(shown_url("https://bob:hunter2@host/in?key=hunter3"), "https://host/in");
    EXPECT_EQ(shown_url("https://bob:hunter2" + std::string(1 << 24, 'x')),
              "a URL of 16777235 bytes");
}

TEST(UploadUrl, NamesAFileInTheFolderBeforeTheQuery) {
    EXPECT_EQ(upload_url("https://h/in", "a.tar").value(), "https://h/in/a.tar");
    EXPECT_EQ(upload_url("https://h/in/?k=1", "a.tar").value(), "https://h/in/a.tar?k=1");
    EXPECT_FALSE(upload_url("file:///in", "a.tar"));
}

}  // namespace
}  // namespace cutover::dmi_wire
