#include "doors/outer/tls_files.h"

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "doors/outer/test_certificate.h"
#include "model/security_config.h"

namespace cutover {
namespace {

using testing::HasSubstr;
using testing::Not;

class TlsFilesTest : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(temp_);
        log_ = *Log::open({.to_stderr = false, .json_file = temp_->path() / "log"});
        put("device.pem", first_.certificate);
        put("device.key", first_.key);
        put("ca.pem", authority_.certificate);
    }
    // As tools that replace certificates do it: another file under the same name.
    void put(const std::string& name, std::string_view text, mode_t mode = 0600) const {
        const auto path = temp_->path() / name;
        std::ofstream(path.string() + ".new", std::ios::binary) << text;
        ASSERT_EQ(::chmod((path.string() + ".new").c_str(), mode), 0);
        std::filesystem::rename(path.string() + ".new", path);
    }
    Result<std::unique_ptr<TlsFiles>> load() {
        return TlsFiles::load(temp_->path(), config_, *log_);
    }
    std::string why_not() {
        const auto files = load();
        return files ? "" : files.error().id;
    }
    std::string log_text() const { return *read_file(temp_->path() / "log", 100'000); }
    std::size_t complaints() const {
        const auto text = log_text();
        std::size_t count = 0;
        for (auto at = text.find("keep their certificate"); at != std::string::npos;
             at = text.find("keep their certificate", at + 1))
            ++count;
        return count;
    }

    Result<TempFolder> temp_ = TempFolder::create(testing::TempDir(), "tls");
    std::unique_ptr<Log> log_;
    TestCertificate first_ = make_certificate("first");
    TestCertificate second_ = make_certificate("second");
    TestCertificate authority_ = make_certificate("authority");
    SecurityConfig config_{.certificate = "device.pem",
                           .key = "device.key",
                           .client_ca = "ca.pem",
                           .client_certificates = ClientCertificates::accepted};
};

TEST_F(TlsFilesTest, WhatIsReplacedIsUsedWithoutARestart) {
    const auto files = load();
    ASSERT_TRUE(files) << files.error().text();
    const auto before = (*files)->newest();
    EXPECT_EQ(before->certificate, first_.certificate);
    EXPECT_EQ((*files)->newest(), before) << "nothing has changed";

    put("device.key", second_.key);
    put("device.pem", second_.certificate);
    const auto after = (*files)->newest();
    EXPECT_EQ(after->certificate, second_.certificate);
    EXPECT_EQ(after->key, second_.key);
    EXPECT_EQ(before->certificate, first_.certificate) << "a handshake may still use it";
    EXPECT_THAT(log_text(), HasSubstr("the doors have another certificate"));

    put("ca.pem", second_.certificate);
    EXPECT_EQ((*files)->newest()->client_ca, second_.certificate);
    EXPECT_EQ(complaints(), 0U);
}

TEST_F(TlsFilesTest, TheLastGoodOnesStayUntilAllBelongsTogether) {
    const auto files = load();
    ASSERT_TRUE(files) << files.error().text();
    const auto good = (*files)->newest();

    put("device.pem", second_.certificate);
    for (int i = 0; i < 3; ++i) EXPECT_EQ((*files)->newest(), good) << "the key is another one's";
    EXPECT_EQ(complaints(), 1U) << "once, and not at each handshake";
    EXPECT_THAT(log_text(), HasSubstr("device.key: key values mismatch"));

    put("device.key", second_.key);
    EXPECT_EQ((*files)->newest()->certificate, second_.certificate);
}

TEST_F(TlsFilesTest, WhatCannotBeUsedIsNamedInTheLogAndNotTaken) {
    const auto files = load();
    ASSERT_TRUE(files) << files.error().text();
    const auto good = (*files)->newest();

    put("device.pem", first_.certificate.substr(0, first_.certificate.size() / 2));
    EXPECT_EQ((*files)->newest(), good) << "half written";
    EXPECT_THAT(log_text(), HasSubstr("device.pem"));
    std::filesystem::remove(temp_->path() / "device.pem");
    EXPECT_EQ((*files)->newest(), good) << "not there";
    EXPECT_THAT(log_text(), HasSubstr("No such file"));
    put("device.pem", first_.certificate);

    put("ca.pem", "no authority");
    EXPECT_EQ((*files)->newest(), good);
    EXPECT_THAT(log_text(), HasSubstr("ca.pem"));
    put("ca.pem", authority_.certificate);

    put("device.key", first_.key, 0644);
    EXPECT_EQ((*files)->newest(), good) << "others can read it";
    EXPECT_THAT(log_text(), HasSubstr("mode 0644"));
    EXPECT_EQ(complaints(), 4U);
    EXPECT_THAT(log_text(), Not(HasSubstr("PRIVATE KEY")));

    put("device.key", first_.key);
    EXPECT_NE((*files)->newest(), good) << "read anew";
    EXPECT_EQ((*files)->newest()->certificate, first_.certificate);
}

TEST_F(TlsFilesTest, ADoorDoesNotOpenWithWhatCannotBeUsed) {
    EXPECT_EQ(why_not(), "");
    put("device.key", second_.key);
    EXPECT_EQ(why_not(), "door.certificate");
    put("device.key", first_.key, 0604);
    EXPECT_EQ(why_not(), "door.key_open");
    put("device.key", first_.key, 0640);
    EXPECT_EQ(why_not(), "") << "a group may be of those who replace it";
    std::filesystem::remove(temp_->path() / "ca.pem");
    EXPECT_EQ(why_not(), "door.certificate");
    config_.client_ca.clear();
    EXPECT_EQ(why_not(), "door.certificate") << "clients' certificates of whom?";
    config_.client_certificates = ClientCertificates::none;
    EXPECT_EQ(why_not(), "") << "none are asked for";
    config_.key.clear();
    EXPECT_EQ(why_not(), "door.certificate");
}

TEST_F(TlsFilesTest, ACertificateThatHasExpiredIsTakenAndWarnedOfOnce) {
    const auto files = load();
    ASSERT_TRUE(files) << files.error().text();
    EXPECT_THAT(log_text(), Not(HasSubstr("has expired")));
    const auto expired = make_certificate("expired", -3600);
    put("device.pem", expired.certificate);
    put("device.key", expired.key);
    EXPECT_EQ((*files)->newest()->certificate, expired.certificate);
    const auto said = log_text();
    EXPECT_THAT(said, HasSubstr("has expired: clients will not take it"));
    static_cast<void>((*files)->newest());
    EXPECT_EQ(log_text(), said) << "not at each handshake";
}

}  // namespace
}  // namespace cutover
