// Each defect that a package can have, and the name under which it is refused.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include <zstd.h>

#include <gtest/gtest.h>

#include "base/error.h"
#include "crypto/digest.h"
#include "crypto/test_identities.h"
#include "model/manifest.h"
#include "package/chunk_index.h"
#include "package/package_reader.h"
#include "package/test_packages.h"

namespace cutover {
namespace {

using testing_packages::assemble;
using testing_packages::member;
using testing_packages::Members;
using testing_packages::noise;
using testing_packages::pki;
using testing_packages::read_package;
using testing_packages::take_apart;
using testing_packages::with_manifest;
using testing_packages::with_members;
using testing_packages::Workshop;

struct PackageDefects : testing::Test {
    Workshop workshop;
    std::string package = workshop.make();
    Members members = take_apart(package);
    Manifest manifest = parse_manifest(member(members, "manifest.json")).value();

    std::string id() const { return read_package(assemble(members)).id(); }
    auto find(std::string_view name) {
        return std::ranges::find(members, name, &Members::value_type::first);
    }
};

TEST_F(PackageDefects, TakenApartAndPutTogetherItIsTheSame) {
    EXPECT_TRUE(assemble(members) == package);
    EXPECT_EQ(id(), "");
}

TEST_F(PackageDefects, OtherFilesAreNotPackages) {
    EXPECT_EQ(read_package("").id(), "package.not_a_package");
    EXPECT_EQ(read_package("hello").id(), "package.not_a_package");
    EXPECT_EQ(read_package(noise(4096)).id(), "package.not_a_package");
    EXPECT_EQ(read_package(std::string(4096, '\0')).id(), "package.not_a_package");
    EXPECT_EQ(read_package(assemble({{"README", "hello"}})).id(), "package.not_a_package");
}

TEST_F(PackageDefects, Truncated) {
    EXPECT_EQ(read_package(package.substr(0, 300)).id(), "package.truncated");
    EXPECT_EQ(read_package(package.substr(0, package.size() - 1)).id(), "package.truncated");
    EXPECT_EQ(read_package(package.substr(0, package.size() - 1024)).id(), "package.truncated");
}

TEST_F(PackageDefects, AFileOfTheWrongLengthIsRefusedBeforeItsPayloadIsRead) {
    const auto opened = [](const std::string& bytes) -> std::string {
        testing_packages::SizedSource source(bytes);
        const auto reader = PackageReader::open(source, pki().trust, pki().time);
        return reader ? "opened" : reader.error().id;
    };
    EXPECT_EQ(opened(package), "opened");
    EXPECT_EQ(opened(package.substr(0, package.size() - 1)), "package.truncated");
    EXPECT_EQ(opened(package + '\0'), "package.trailing_data");
}

TEST_F(PackageDefects, Unsigned) {
    members.erase(find("manifest.sig"));
    EXPECT_EQ(id(), "package.unsigned");
}

TEST_F(PackageDefects, SignedBySomebodyElse) {
    const auto other = testing_pki::trust_in(testing_pki::make_authority());
    EXPECT_EQ(read_package(package, PayloadCheck::frames, other).id(), "signature.unknown_signer");
}

TEST_F(PackageDefects, SignatureOfAnotherPackage) {
    member(members, "manifest.sig") = pki().key.sign("other", pki().signing_time).value();
    EXPECT_EQ(id(), "signature.mismatch");
}

TEST_F(PackageDefects, MemberMissing) {
    for (const auto* name : {"manifest.json", "chunks.idx", "hooks/stop.sh", "payload"}) {
        auto kept = members;
        std::erase_if(kept, [&](const auto& entry) { return entry.first == name; });
        EXPECT_EQ(read_package(assemble(kept)).id(), "package.member_missing") << name;
    }
}

TEST_F(PackageDefects, MemberTwice) {
    for (const auto* name :
         {"manifest.sig", "manifest.json", "chunks.idx", "hooks/stop.sh", "payload"}) {
        auto kept = members;
        const auto at = std::ranges::find(kept, name, &Members::value_type::first);
        kept.insert(at, *at);
        EXPECT_EQ(read_package(assemble(kept)).id(), "package.member_twice") << name;
    }
}

TEST_F(PackageDefects, MembersOutOfOrder) {
    for (std::size_t i = 0; i + 1 < members.size(); ++i) {
        auto swapped = members;
        std::swap(swapped[i], swapped[i + 1]);
        // Without its signature in front a package is an unsigned one.
        EXPECT_EQ(read_package(assemble(swapped)).id(),
                  i == 0 ? "package.unsigned" : "package.member_order")
            << i;
    }
}

TEST_F(PackageDefects, MemberRenamed) {
    for (const auto* name : {"manifest.sig", "manifest.json", "chunks.idx", "payload"}) {
        auto renamed = members;
        std::ranges::find(renamed, name, &Members::value_type::first)->first += "x";
        EXPECT_EQ(read_package(assemble(renamed)).id(), "package.member_unknown") << name;
    }
}

TEST_F(PackageDefects, MemberAdded) {
    members.emplace_back("extra", "x");
    EXPECT_EQ(id(), "package.member_unknown");
}

TEST_F(PackageDefects, MemberChanged) {
    member(members, "hooks/stop.sh")[0] = '%';
    EXPECT_EQ(id(), "package.member_changed");
}

TEST_F(PackageDefects, MemberOfAnotherSize) {
    member(members, "hooks/stop.sh") += "\n";
    EXPECT_EQ(id(), "package.member_size");
}

TEST_F(PackageDefects, PayloadChanged) {
    member(members, "payload").back() ^= 1;
    EXPECT_EQ(id(), "package.chunk_damaged");
}

TEST_F(PackageDefects, TrailingData) {
    EXPECT_EQ(read_package(package + '\0').id(), "package.trailing_data");
    EXPECT_EQ(read_package(package + package).id(), "package.trailing_data");
}

TEST_F(PackageDefects, ATarFromAnotherToolIsNotCanonical) {
    auto changed = package;
    changed.replace(108, 7, "0000001");  // user id; with a right checksum
    changed[148 + 5] = static_cast<char>(changed[148 + 5] + 1);
    EXPECT_EQ(read_package(changed).id(), "package.not_canonical");
}

TEST_F(PackageDefects, ManifestOfAnUnknownSchema) {
    manifest.schema_major = 2;
    EXPECT_EQ(read_package(with_manifest(members, to_json(manifest))).id(),
              "manifest.unknown_schema");
}

TEST_F(PackageDefects, ManifestWithSpaces) {
    auto text = to_json(manifest);
    text.insert(1, " ");
    EXPECT_EQ(read_package(with_manifest(members, text)).id(), "manifest.not_canonical");
}

TEST_F(PackageDefects, TheManifestSaysAnotherPayloadSize) {
    for (const int difference : {-1, 1}) {
        auto lying = manifest;
        lying.payload.content_bytes += static_cast<std::uint64_t>(difference);
        lying.payload.installed_bytes = lying.payload.content_bytes;
        EXPECT_EQ(read_package(with_manifest(members, to_json(lying))).id(), "package.size_lie");
    }
}

// Replaces the payload by one chunk: a frame of `content` that the index says to be of another
// size.
std::string bomb(Members members, Manifest manifest, const std::string& content,
                 std::uint32_t said_bytes, const std::string& after_frame = {}) {
    std::string frame(ZSTD_compressBound(content.size()), '\0');
    frame.resize(ZSTD_compress(frame.data(), frame.size(), content.data(), content.size(), 19));
    frame += after_frame;
    ChunkIndexWriter index;
    index.add(sha256(content), said_bytes, sha256(frame), static_cast<std::uint32_t>(frame.size()));
    member(members, "chunks.idx") = index.finish();
    member(members, "payload") = frame;
    manifest.payload.chunk_count = 1;
    manifest.payload.content_bytes = said_bytes;
    manifest.payload.installed_bytes = said_bytes;
    return with_members(std::move(members), std::move(manifest));
}

TEST_F(PackageDefects, ADecompressionBombIsRefused) {
    const std::string zeros(std::size_t{200} * 1024 * 1024, '\0');
    const auto reading = read_package(bomb(members, manifest, zeros, 100'000));
    EXPECT_EQ(reading.id(), "package.size_lie");
    EXPECT_EQ(reading.content, "");
}

TEST_F(PackageDefects, APayloadShorterOrLongerThanSaidIsRefused) {
    const auto content = noise(1000);
    EXPECT_EQ(read_package(bomb(members, manifest, content, 1000)).id(), "");
    EXPECT_EQ(read_package(bomb(members, manifest, content, 999)).id(), "package.size_lie");
    EXPECT_EQ(read_package(bomb(members, manifest, content, 1001)).id(), "package.size_lie");
}

TEST_F(PackageDefects, ASecondFrameHiddenInAChunkIsRefused) {
    std::string skippable("\x50\x2a\x4d\x18\x01\x00\x00\x00x", 9);
    EXPECT_EQ(read_package(bomb(members, manifest, noise(1000), 1000, skippable)).id(),
              "package.size_lie");
}

TEST_F(PackageDefects, AnIndexThatContradictsItselfIsRefused) {
    member(members, "chunks.idx")[40 + 32] ^= 1;  // length of the first chunk
    EXPECT_EQ(read_package(with_members(members, manifest)).id(), "package.bad_index");
}

TEST_F(PackageDefects, AContentDigestThatIsWrongIsFoundByAFullCheck) {
    member(members, "chunks.idx")[40] ^= 1;
    const auto forged = with_members(members, manifest);
    EXPECT_EQ(read_package(forged, PayloadCheck::all).id(), "package.chunk_damaged");
}

TEST_F(PackageDefects, APayloadDigestThatIsWrongIsFoundByAFullCheck) {
    auto forged = manifest;
    forged.members.back().sha256 = std::string(64, '0');
    EXPECT_EQ(read_package(with_manifest(members, to_json(forged)), PayloadCheck::all).id(),
              "package.member_changed");
}

TEST_F(PackageDefects, TooLongASignatureOrManifestIsNotEvenRead) {
    auto large = members;
    member(large, "manifest.sig") = std::string(40'000, 'x');
    EXPECT_EQ(read_package(assemble(large)).id(), "package.member_size");
    large = members;
    member(large, "manifest.json") = std::string(kMaxManifestBytes + 1, 'x');
    EXPECT_EQ(read_package(assemble(large)).id(), "package.member_size");
}

}  // namespace
}  // namespace cutover
