// Keys from files and from a PKCS#11 token (SoftHSM).

#include "crypto/signing_key.h"

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/process.h"
#include "crypto/certificate_maker.h"
#include "crypto/test_identities.h"
#include "crypto/trust_store.h"

namespace cutover {
namespace {

using testing_pki::make_authority;
using testing_pki::make_signer;
using testing_pki::trust_in;
using testing_pki::year;

constexpr auto* kModule = "/usr/lib/softhsm/libsofthsm2.so";

struct SigningKeyTest : testing::Test {
    TempFolder folder = TempFolder::create(testing::TempDir(), "key").value();
    Identity authority = make_authority();
    Identity signer = make_signer(authority);

    std::string put(const std::string& name, const std::string& text) {
        const auto path = (folder.path() / name).string();
        EXPECT_TRUE(write_file_durably(path, text));
        return path;
    }
    void expect_signs(const SigningKey& key) {
        const auto signature = key.sign("content", year(2024));
        ASSERT_TRUE(signature) << signature.error().text();
        EXPECT_TRUE(
            verify_signature(*signature, "content", trust_in(authority), {.now = year(2025)}));
    }
    void run(const std::vector<std::string>& command) {
        const auto result = run_process(
            {.command = command,
             .environment = {{"SOFTHSM2_CONF", (folder.path() / "softhsm.conf").string()}}});
        ASSERT_TRUE(result) << result.error().text();
        ASSERT_EQ(result->exit_code, 0) << result->output;
    }
};

TEST_F(SigningKeyTest, SignsWithAKeyFile) {
    const auto key = SigningKey::load(put("k.pem", signer.key), put("c.pem", signer.certificate));
    ASSERT_TRUE(key) << key.error().text();
    expect_signs(*key);
}

TEST_F(SigningKeyTest, AKeyThatIsNotTheCertificatesIsRefused) {
    const auto other = make_signer(authority);
    const auto key = SigningKey::load(put("k.pem", other.key), put("c.pem", signer.certificate));
    ASSERT_FALSE(key);
    EXPECT_EQ(key.error().id, "key.unsuitable");
}

TEST_F(SigningKeyTest, WhatIsNoKeyIsRefused) {
    const auto key = SigningKey::load(put("k.pem", "hello"), put("c.pem", signer.certificate));
    ASSERT_FALSE(key);
    EXPECT_EQ(key.error().id, "key.unreadable");
}

TEST_F(SigningKeyTest, SignsWithAKeyThatStaysOnItsToken) {
    if (!std::filesystem::exists(kModule)) GTEST_SKIP() << "softhsm2 is not installed";
    std::filesystem::create_directory(folder.path() / "tokens");
    put("softhsm.conf", fmt::format("directories.tokendir = {}\nlog.level = ERROR\n",
                                    (folder.path() / "tokens").string()));
    ::setenv("SOFTHSM2_CONF", (folder.path() / "softhsm.conf").c_str(), 1);
    run({"softhsm2-util", "--init-token", "--free", "--label", "release", "--pin", "1234",
         "--so-pin", "5678"});
    run({"softhsm2-util", "--import", put("k.pem", signer.key), "--token", "release", "--label",
         "signing", "--id", "01", "--pin", "1234"});

    const auto certificate = put("c.pem", signer.certificate);
    const auto uri = fmt::format(
        "pkcs11:token=release;object=signing;type=private?pin-value=1234&module-path={}", kModule);
    // In a process of its own, because the engine and the token's library leak a little at its end.
    const auto signs = [&] {
        const auto key = SigningKey::load(uri, certificate);
        if (!key) return false;
        const auto signature = key->sign("content", year(2024));
        return signature &&
               verify_signature(*signature, "content", trust_in(authority), {.now = year(2025)});
    };
    EXPECT_EXIT(std::_Exit(signs() ? 0 : 1), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace cutover
