// The signature itself: what it covers, and that there is one way only to write it down.

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/process.h"
#include "crypto/certificate_maker.h"
#include "crypto/signing_key.h"
#include "crypto/test_identities.h"
#include "crypto/trust_store.h"

namespace cutover {
namespace {

using testing_pki::make_authority;
using testing_pki::make_signer;
using testing_pki::signing_key;
using testing_pki::trust_in;
using testing_pki::year;

constexpr std::string_view kContent = "{\"name\":\"nos\"}\n";

struct Signature : testing::TestWithParam<KeyType> {
    Identity authority = make_authority();
    Identity signer = make_signer(authority, CertificateUse::code_signing, GetParam());
    TrustStore trust = trust_in(authority);
    TrustTime time{.now = year(2025)};
    std::string signature = signing_key(signer).sign(kContent, year(2024)).value();
};

TEST_P(Signature, TellsWhoSignedAndWhen) {
    const auto info = verify_signature(signature, kContent, trust, time);
    ASSERT_TRUE(info) << info.error().text();
    EXPECT_EQ(info->subject, "CN=Test signer,O=Vendor");
    EXPECT_EQ(info->issuer, "CN=Test CA");
    EXPECT_EQ(info->signing_time, year(2024));
    EXPECT_EQ(info->expires, year(2030));
    EXPECT_FALSE(info->has_expired);
}

TEST_P(Signature, AnyChangedByteIsRefused) {
    for (std::size_t i = 0; i < signature.size(); ++i) {
        for (const int change : {0x01, 0x80, 0xff, 0x20}) {
            auto changed = signature;
            changed[i] = static_cast<char>(changed[i] ^ change);
            ASSERT_FALSE(verify_signature(changed, kContent, trust, time))
                << "byte " << i << " xor " << change;
        }
    }
}

TEST_P(Signature, AnyCutOrAdditionIsRefused) {
    for (std::size_t size = 0; size < signature.size(); ++size)
        ASSERT_FALSE(verify_signature(signature.substr(0, size), kContent, trust, time)) << size;
    EXPECT_FALSE(verify_signature(signature + '\0', kContent, trust, time));
}

TEST_P(Signature, BelongsToItsContentOnly) {
    const auto info = verify_signature(signature, "{\"name\":\"bad\"}\n", trust, time);
    ASSERT_FALSE(info);
    EXPECT_EQ(info.error().id, "signature.mismatch");
}

TEST_P(Signature, IsWhatTheOpensslCommandAcceptsToo) {
    const auto folder = TempFolder::create(testing::TempDir(), "signature").value();
    const auto path = [&](const char* name) { return (folder.path() / name).string(); };
    ASSERT_TRUE(write_file_durably(path("sig"), signature));
    ASSERT_TRUE(write_file_durably(path("content"), kContent));
    ASSERT_TRUE(write_file_durably(path("ca.pem"), authority.certificate));
    const auto result = run_process(
        {.command = {"openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", path("sig"),
                     "-content", path("content"), "-CAfile", path("ca.pem"), "-purpose", "any",
                     "-attime", "1735689600", "-out", path("out")}});
    ASSERT_TRUE(result) << result.error().text();
    EXPECT_EQ(result->exit_code, 0) << result->output;
}

INSTANTIATE_TEST_SUITE_P(Keys, Signature, testing::Values(KeyType::ecdsa_p256, KeyType::rsa_3072),
                         [](const auto& key) {
                             return key.param == KeyType::ecdsa_p256 ? "Ecdsa" : "Rsa";
                         });

TEST(SignatureForm, ASpareCertificateIsRefused) {
    const auto authority = make_authority();
    const auto signer = make_signer(authority);
    const auto other = make_signer(authority);
    const auto key =
        SigningKey::from_pem(signer.key, signer.certificate + other.certificate).value();
    const auto signature = key.sign(kContent, year(2024)).value();
    const auto info =
        verify_signature(signature, kContent, trust_in(authority), {.now = year(2025)});
    ASSERT_FALSE(info);
    EXPECT_EQ(info.error().id, "signature.malformed");
}

TEST(SignatureForm, TheSameContentKeyAndTimeGiveTheSameRsaSignature) {
    const auto authority = make_authority();
    const auto key =
        signing_key(make_signer(authority, CertificateUse::code_signing, KeyType::rsa_3072));
    EXPECT_EQ(key.sign(kContent, year(2024)).value(), key.sign(kContent, year(2024)).value());
}

}  // namespace
}  // namespace cutover
