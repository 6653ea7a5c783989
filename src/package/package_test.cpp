// Building, signing and reading.

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/process.h"
#include "crypto/digest.h"
#include "crypto/test_identities.h"
#include "crypto/trust_store.h"
#include "model/manifest.h"
#include "model/package_kind.h"
#include "package/file_source.h"
#include "package/package_builder.h"
#include "package/package_reader.h"
#include "package/package_signer.h"
#include "package/self_extractor.h"
#include "package/test_packages.h"
#include "package/tree.h"

namespace cutover {
namespace {

using testing_packages::drain;
using testing_packages::image_spec;
using testing_packages::noise;
using testing_packages::pki;
using testing_packages::read_package;
using testing_packages::Workshop;
using testing_pki::year;

struct PackageTest : testing::Test {
    Workshop workshop;
};

TEST_F(PackageTest, WhatWasPackedComesOut) {
    const auto package = workshop.make();
    MemorySource source(package);
    auto reader = PackageReader::open(source, pki().trust, pki().time);
    ASSERT_TRUE(reader) << reader.error().text();
    EXPECT_EQ(reader->manifest().name, "nos");
    EXPECT_EQ(reader->manifest().created, "2024-01-01T00:00:00Z");
    EXPECT_EQ(reader->manifest().payload.content_bytes, workshop.image.size());
    EXPECT_EQ(reader->manifest_digest(), sha256(reader->manifest_text()));
    EXPECT_EQ(reader->signer().value_or(SignerInfo()).subject, "CN=Test signer,O=Vendor");
    ASSERT_EQ(reader->hooks().size(), 1U);
    EXPECT_EQ(reader->hooks()[0].name, "hooks/stop.sh");
    EXPECT_EQ(reader->hooks()[0].content, "#!/bin/sh\nexit 0\n");
    EXPECT_EQ(reader->manifest().hooks.at("preinstall"), "hooks/stop.sh");
    Result<> outcome;
    EXPECT_EQ(drain(*reader->content(PayloadCheck::all), outcome), workshop.image);
    EXPECT_TRUE(outcome) << outcome.error().text();
}

TEST_F(PackageTest, ALargePayloadOfManyChunksComesOutWhole) {
    auto spec = image_spec();
    spec.chunk_bytes = 16384;
    workshop.put("image", noise(std::size_t{12} * 1024 * 1024) + std::string(3'000'000, 'z'));
    const auto package = workshop.make(spec);
    const auto reading = read_package(package, PayloadCheck::all);
    ASSERT_TRUE(reading.outcome) << reading.outcome.error().text();
    EXPECT_TRUE(reading.content == workshop.bytes("image"));
}

TEST_F(PackageTest, TheReaderMayStopAnywhere) {
    workshop.put("image", noise(std::size_t{20} * 1024 * 1024));
    const auto package = workshop.make();
    MemorySource source(package);
    auto reader = PackageReader::open(source, pki().trust, pki().time);
    ASSERT_TRUE(reader);
    const auto content = reader->content();
    std::vector<std::byte> some(100'000);
    EXPECT_EQ(content->read(some).value(), some.size());
}

TEST_F(PackageTest, TheSameInputGivesTheSameBytes) {
    ASSERT_TRUE(workshop.build(image_spec(), "first"));
    ASSERT_TRUE(workshop.build(image_spec(), "second"));
    EXPECT_TRUE(workshop.bytes("first") == workshop.bytes("second"));
}

TEST_F(PackageTest, HowManyThreadsCompressDoesNotShow) {
    workshop.put("image", noise(std::size_t{3} * 1024 * 1024));
    for (const unsigned threads : {1U, 7U})
        ASSERT_TRUE(build_package({.spec = image_spec(),
                                   .folder = workshop.path(""),
                                   .output = workshop.path("with" + std::to_string(threads)),
                                   .created = year(2024),
                                   .threads = threads}));
    EXPECT_TRUE(workshop.bytes("with1") == workshop.bytes("with7"));
}

TEST_F(PackageTest, SigningChangesTheSignatureOnly) {
    ASSERT_TRUE(workshop.build(image_spec(), "plain"));
    ASSERT_TRUE(sign_package(workshop.path("plain"), workshop.path("once"), pki().key, year(2024)));
    ASSERT_TRUE(sign_package(workshop.path("once"), workshop.path("twice"), pki().key, year(2023)));
    const auto plain = workshop.bytes("plain");
    EXPECT_TRUE(workshop.bytes("once").ends_with(plain));
    EXPECT_TRUE(workshop.bytes("twice").ends_with(plain));
    MemorySource source(workshop.bytes("twice"));
    const auto bytes = workshop.bytes("twice");
    EXPECT_TRUE(read_package(bytes).outcome);
}

TEST_F(PackageTest, ADamagedPackageIsNotSigned) {
    ASSERT_TRUE(workshop.build(image_spec(), "plain"));
    auto bytes = workshop.bytes("plain");
    bytes[bytes.size() - 1500] ^= 1;
    workshop.put("plain", bytes);
    EXPECT_FALSE(
        sign_package(workshop.path("plain"), workshop.path("signed"), pki().key, year(2024)));
    EXPECT_FALSE(std::filesystem::exists(workshop.path("signed")));
}

TEST_F(PackageTest, ATreeGoesThroughAPackage) {
    workshop.put("rootfs/etc/nos.conf", "a=1\n");
    workshop.put("rootfs/bin/tool", noise(100'000));
    std::filesystem::create_symlink("/etc/nos.conf", workshop.path("rootfs/bin/conf"));
    auto spec = image_spec();
    spec.manifest.payload.type = PayloadType::tree;
    spec.payload_path = "rootfs";
    const auto package = workshop.make(spec);
    MemorySource source(package);
    auto reader = PackageReader::open(source, pki().trust, pki().time);
    ASSERT_TRUE(reader) << reader.error().text();
    std::filesystem::create_directory(workshop.path("slot"));
    const auto size = unpack_tree(*reader->content(), workshop.path("slot"),
                                  {.installed_bytes = reader->manifest().payload.installed_bytes});
    ASSERT_TRUE(size) << size.error().text();
    EXPECT_EQ(size->entries, 5U);
    EXPECT_EQ(workshop.bytes("slot/etc/nos.conf"), "a=1\n");
    EXPECT_EQ(workshop.bytes("slot/bin/conf"), "a=1\n") << "through a link that stays inside";
    EXPECT_EQ(workshop.bytes("slot/bin/tool"), noise(100'000));
}

TEST_F(PackageTest, APackageWithoutPayloadIsWhole) {
    auto spec = image_spec();
    spec.manifest.kind = PackageKind::feature;
    spec.manifest.payload.type = PayloadType::none;
    spec.payload_path.clear();
    const auto package = workshop.make(spec);
    EXPECT_TRUE(read_package(package).outcome) << read_package(package).outcome.error().text();
    EXPECT_EQ(read_package(package + "x").id(), "package.trailing_data");
}

TEST_F(PackageTest, ASelfExtractingPackageIsTheSamePackageAfterOneScript) {
    const auto plain = workshop.make();
    const auto file = std::string(self_extractor()) + plain;
    EXPECT_TRUE(read_package(file).outcome) << read_package(file).outcome.error().text();
    EXPECT_TRUE(self_extractor().starts_with("#!/bin/sh\n"));

    auto changed = file;
    changed.at(40) = 'X';
    EXPECT_EQ(read_package(changed).id(), "package.not_a_package") << "no other script";
    EXPECT_EQ(read_package(std::string(self_extractor()) + file).id(), "package.not_a_package")
        << "and no second one";
    EXPECT_FALSE(read_package(std::string(self_extractor())).outcome);
}

TEST_F(PackageTest, SigningASelfExtractingPackageLeavesItsScript) {
    workshop.put("script", std::string(self_extractor()) + workshop.make());
    const auto resigned = sign_package(workshop.path("script"), workshop.path("again"), pki().key,
                                       pki().signing_time);
    ASSERT_TRUE(resigned) << resigned.error().text();
    const auto text = workshop.bytes("again");
    EXPECT_TRUE(text.starts_with(self_extractor()));
    EXPECT_TRUE(read_package(text).outcome) << read_package(text).outcome.error().text();
}

TEST_F(PackageTest, AFailedBuildLeavesNothingBehind) {
    auto spec = image_spec();
    spec.manifest.name = "Not A Name";
    EXPECT_EQ(workshop.build(spec).error().id, "manifest.invalid");
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(workshop.path(""))) {
        EXPECT_NE(entry.path().filename().string().find("out"), 0U) << entry.path();
        ++files;
    }
    EXPECT_EQ(files, 2U);
}

TEST_F(PackageTest, TarListsIt) {
    workshop.make();
    const auto result = run_process({.command = {"tar", "tf", workshop.path("out").string()}});
    ASSERT_TRUE(result);
    EXPECT_EQ(result->exit_code, 0);
    EXPECT_EQ(result->output, "manifest.sig\nmanifest.json\nchunks.idx\nhooks/stop.sh\npayload\n");
}

}  // namespace
}  // namespace cutover
