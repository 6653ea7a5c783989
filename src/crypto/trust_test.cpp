// Whom the device believes, and at what time.

#include <filesystem>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "crypto/certificate_maker.h"
#include "crypto/digest.h"
#include "crypto/openssl.h"
#include "crypto/signed_data.h"
#include "crypto/signing_key.h"
#include "crypto/test_identities.h"
#include "crypto/trust_store.h"
#include "model/device_config.h"

namespace cutover {
namespace {

using testing_pki::make_authority;
using testing_pki::make_signer;
using testing_pki::signing_key;
using testing_pki::trust_in;
using testing_pki::year;

constexpr auto* kContent = "content";

std::string id_of(const Result<SignerInfo>& result) { return result ? "" : result.error().id; }

std::string signed_at(const Identity& signer, WallTime time) {
    return signing_key(signer).sign(kContent, time).value();
}

// What SigningKey::sign() refuses to make, but a vendor's own tool might.
std::string signed_carelessly(const Identity& signer, WallTime time) {
    const auto bio = openssl::reading(signer.key);
    const openssl::Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
    signed_data::Parts parts{
        .signer = std::move(openssl::read_certificates(signer.certificate).value().front()),
        .signing_time = time,
        .content = sha256(kContent)};
    const auto bytes = signed_data::attributes_to_sign(parts.content, time);
    const openssl::DigestContext context(EVP_MD_CTX_new());
    EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get());
    std::string signature(256, '\0');
    auto size = signature.size();
    EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                   reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
    parts.signature = signature.substr(0, size);
    return signed_data::encode(parts);
}

TEST(Trust, AnUnknownAuthorityIsRefused) {
    const auto signer = make_signer(make_authority());
    const auto same_name = make_authority();
    EXPECT_EQ(id_of(verify_signature(signed_at(signer, year(2024)), kContent, trust_in(same_name),
                                     {.now = year(2025)})),
              "signature.unknown_signer");
}

TEST(Trust, ACertificateForAnotherUseIsRefused) {
    const auto authority = make_authority();
    const auto server = make_signer(authority, CertificateUse::tls_server);
    EXPECT_EQ(signing_key(server).sign(kContent, year(2024)).error().id, "signature.wrong_use");
    EXPECT_EQ(id_of(verify_signature(signed_carelessly(server, year(2024)), kContent,
                                     trust_in(authority), {.now = year(2025)})),
              "signature.wrong_use");
}

TEST(Trust, ARevokedCertificateIsRefusedEvenWhenTheListIsOld) {
    const auto authority = make_authority();
    const auto signer = make_signer(authority);
    const auto other = make_signer(authority);
    const auto list =
        make_revocation_list(authority, {signer.certificate}, year(2023), year(2024)).value();
    const auto trust = trust_in(authority, list);
    for (const auto now : {year(2022), year(2023), year(2025), year(2035)})
        EXPECT_EQ(
            id_of(verify_signature(signed_at(signer, year(2023)), kContent, trust, {.now = now})),
            "signature.revoked");
    EXPECT_EQ(
        id_of(verify_signature(signed_at(other, year(2023)), kContent, trust, {.now = year(2025)})),
        "");
}

TEST(Trust, AnIntermediateAuthorityComesWithTheSignature) {
    const auto root = make_authority("Root");
    const auto intermediate = make_identity({.common_name = "Intermediate",
                                             .use = CertificateUse::authority,
                                             .valid_from = year(2021),
                                             .valid_until = year(2035)},
                                            &root)
                                  .value();
    const auto signer = make_signer(intermediate);
    const TrustTime time{.now = year(2025)};
    const auto whole =
        SigningKey::from_pem(signer.key,
                             signer.certificate + intermediate.certificate + root.certificate)
            .value()
            .sign(kContent, year(2024))
            .value();
    EXPECT_EQ(id_of(verify_signature(whole, kContent, trust_in(root), time)), "");
    EXPECT_EQ(id_of(verify_signature(whole, kContent, trust_in(intermediate), time)), "");
    const auto alone = signed_at(signer, year(2024));
    EXPECT_EQ(id_of(verify_signature(alone, kContent, trust_in(root), time)),
              "signature.unknown_signer");
    EXPECT_EQ(id_of(verify_signature(alone, kContent, trust_in(intermediate), time)), "");
}

// The signer's certificate is valid from 2022 to 2030, its authority's from 2020 to 2040.
struct TimeCase {
    const char* name;
    int signed_in;
    int now;
    ExpiredPolicy policy;
    const char* id;
};

struct TrustAtTime : testing::TestWithParam<TimeCase> {};

TEST_P(TrustAtTime, FollowsThePolicy) {
    const auto& param = GetParam();
    const auto authority = make_authority();
    const auto signature = signed_at(make_signer(authority), year(param.signed_in));
    const auto result = verify_signature(signature, kContent, trust_in(authority),
                                         {.now = year(param.now), .expired = param.policy});
    EXPECT_EQ(id_of(result), param.id);
    if (result) {
        EXPECT_EQ(result->has_expired, param.now > 2030);
    }
}

constexpr auto kWhileValid = ExpiredPolicy::signed_while_valid;
constexpr auto kRefuse = ExpiredPolicy::refuse;
INSTANTIATE_TEST_SUITE_P(
    Times, TrustAtTime,
    testing::Values(TimeCase{"valid", 2024, 2025, kWhileValid, ""},
                    TimeCase{"valid_and_strict", 2024, 2025, kRefuse, ""},
                    TimeCase{"expired", 2024, 2035, kWhileValid, ""},
                    TimeCase{"expired_and_strict", 2024, 2035, kRefuse, "signature.expired"},
                    TimeCase{"authority_expired", 2024, 2045, kWhileValid, ""},
                    TimeCase{"authority_expired_and_strict", 2024, 2045, kRefuse,
                             "signature.expired"},
                    TimeCase{"clock_lost", 2024, 1970, kWhileValid, ""},
                    TimeCase{"clock_lost_and_strict", 2024, 1970, kRefuse, ""}),
    [](const auto& test_case) { return std::string(test_case.param.name); });

TEST(Trust, TheSigningMachineRefusesWhatNobodyWouldAccept) {
    const auto key = signing_key(make_signer(make_authority()));
    EXPECT_EQ(key.sign(kContent, year(2021)).error().id, "signature.not_yet_valid");
    EXPECT_EQ(key.sign(kContent, year(2031)).error().id, "signature.expired");
}

TEST(Trust, ASignatureFromOutsideTheValidityIsRefused) {
    const auto authority = make_authority();
    const auto signer = make_signer(authority);
    for (const auto& [signed_in, id] :
         {std::pair{2021, "signature.not_yet_valid"}, std::pair{2024, ""},
          std::pair{2031, "signature.expired"}}) {
        const auto signature = signed_carelessly(signer, year(signed_in));
        EXPECT_EQ(
            id_of(verify_signature(signature, kContent, trust_in(authority), {.now = year(2025)})),
            id);
    }
}

struct TrustFolder : testing::Test {
    TempFolder folder = TempFolder::create(testing::TempDir(), "trust").value();
    Identity authority = make_authority();
    Identity signer = make_signer(authority);

    void put(const std::string& name, const std::string& text) {
        ASSERT_TRUE(write_file_durably(folder.path() / name, text));
    }
    std::string verified() {
        const auto trust = TrustStore::load(folder.path());
        if (!trust) return trust.error().id;
        return id_of(
            verify_signature(signed_at(signer, year(2024)), kContent, *trust, {.now = year(2025)}));
    }
};

TEST_F(TrustFolder, HoldsAuthoritiesAndRevocationLists) {
    put("README", "not a certificate");
    put("vendor.pem", authority.certificate);
    put("other.crt", make_authority("Other").certificate);
    EXPECT_EQ(verified(), "");
    put("vendor.crl",
        make_revocation_list(authority, {signer.certificate}, year(2024), year(2026)).value());
    EXPECT_EQ(verified(), "signature.revoked");
}

TEST_F(TrustFolder, EmptyOrDamagedIsSaidSo) {
    EXPECT_EQ(verified(), "trust.no_anchors");
    put("vendor.pem", authority.certificate);
    put("vendor.crl", "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n");
    EXPECT_EQ(verified(), "trust.unreadable");
}

TEST_F(TrustFolder, MissingIsSaidSo) { EXPECT_FALSE(TrustStore::load(folder.path() / "nowhere")); }

}  // namespace
}  // namespace cutover
