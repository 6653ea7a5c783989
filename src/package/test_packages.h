#pragma once

// Small packages for tests, and what is needed to take them apart and forge them.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "crypto/certificate_maker.h"
#include "crypto/digest.h"
#include "crypto/signing_key.h"
#include "crypto/test_identities.h"
#include "crypto/trust_store.h"
#include "model/manifest.h"
#include "model/package_kind.h"
#include "model/package_spec.h"
#include "package/file_source.h"
#include "package/package_builder.h"
#include "package/package_reader.h"
#include "package/package_signer.h"
#include "package/tar.h"

namespace cutover::testing_packages {

inline std::string noise(std::size_t size, std::uint64_t seed = 1) {
    std::string text;
    for (std::size_t i = 0; i < size; ++i) {
        seed = (seed * 6364136223846793005U) + 1442695040888963407U;
        text += static_cast<char>(seed >> 56U);
    }
    return text;
}

inline std::string drain(ByteSource& source, Result<>& outcome) {
    std::string content;
    std::vector<std::byte> buffer(1000);
    for (;;) {
        const auto got = source.read(buffer);
        if (!got) {
            outcome = std::unexpected(got.error());
            return content;
        }
        if (*got == 0) return content;
        content.append(reinterpret_cast<const char*>(buffer.data()), *got);
    }
}

// One PKI for a whole test program: making keys is slow.
struct Pki {
    Identity authority = testing_pki::make_authority();
    Identity signer = testing_pki::make_signer(authority);
    SigningKey key = testing_pki::signing_key(signer);
    TrustStore trust = testing_pki::trust_in(authority);
    TrustTime time{.now = testing_pki::year(2025)};
    WallTime signing_time = testing_pki::year(2024);
};
inline const Pki& pki() {
    static const Pki result;
    return result;
}

inline PackageSpec image_spec() {
    PackageSpec spec;
    spec.manifest.name = "nos";
    spec.manifest.version = Version::parse("1.1.0").value();
    spec.manifest.payload.type = PayloadType::image;
    spec.payload_path = "image";
    spec.chunk_bytes = 1024;
    spec.hooks = {{"preinstall", "hooks/stop.sh"}};
    return spec;
}

// A folder with an image and a hook, in which packages are built.
class Workshop {
public:
    Workshop() {
        put("hooks/stop.sh", "#!/bin/sh\nexit 0\n");
        put("image", image);
    }

    void put(const std::string& name, const std::string& content) const {
        std::filesystem::create_directories((folder_.path() / name).parent_path());
        if (!write_file_durably(folder_.path() / name, content)) std::abort();
    }
    std::filesystem::path path(const std::string& name) const { return folder_.path() / name; }
    std::string bytes(const std::string& name) const {
        return read_file(path(name), std::size_t{64} * 1024 * 1024).value();
    }
    Result<BuildResult> build(const PackageSpec& spec, const std::string& output = "out") const {
        return build_package({.spec = spec,
                              .folder = folder_.path(),
                              .output = path(output),
                              .created = testing_pki::year(2024)});
    }
    // The bytes of a signed package.
    std::string make(const PackageSpec& spec = image_spec()) const {
        const auto built = build(spec);
        if (!built) return built.error().text();
        const auto done = sign_package(path("out"), path("out"), pki().key, pki().signing_time);
        return done ? bytes("out") : done.error().text();
    }

    std::string image = noise(1500) + std::string(500, 'a');

private:
    TempFolder folder_ = TempFolder::create("/tmp", "package_test").value();
};

// A text whose source knows how long it is, as that of a file does.
class SizedSource final : public ByteSource {
public:
    explicit SizedSource(std::string_view text) : text_(text), bytes_(text.size()) {}
    Result<std::size_t> read(std::span<std::byte> buffer) override { return text_.read(buffer); }
    std::optional<std::uint64_t> total_bytes() const override { return bytes_; }

private:
    MemorySource text_;
    std::uint64_t bytes_;
};

struct Reading {
    Result<> outcome;
    std::string content;  // what was given out, also before an error
    std::string id() const { return outcome ? "" : outcome.error().id; }
};

// Reads a package to its end as an installation does.
inline Reading read_package(std::string_view bytes, PayloadCheck check = PayloadCheck::frames,
                            const TrustStore& trust = pki().trust) {
    Reading reading;
    MemorySource source(bytes);
    auto reader = PackageReader::open(source, trust, pki().time);
    if (!reader) {
        reading.outcome = std::unexpected(reader.error());
    } else if (reader->manifest().payload.type != PayloadType::none) {
        const auto content = reader->content(check);
        reading.content = drain(*content, reading.outcome);
    }
    return reading;
}

using Members = std::vector<std::pair<std::string, std::string>>;

inline std::string assemble(const Members& members) {
    std::string bytes;
    for (const auto& [name, content] : members)
        bytes += tar::header(name, content.size()) + content +
                 std::string(tar::padding(content.size()), '\0');
    return bytes + tar::end_mark();
}

inline Members take_apart(std::string_view bytes) {
    Members members;
    MemorySource source(bytes);
    tar::Reader reader(source);
    for (auto next = reader.next().value(); !next.end; next = reader.next().value()) {
        std::string content(static_cast<std::size_t>(next.entry.size), '\0');
        if (!reader.read(std::as_writable_bytes(std::span(content)))) std::abort();
        if (!reader.read_padding(content.size())) std::abort();
        members.emplace_back(next.entry.name, std::move(content));
    }
    return members;
}

inline std::string& member(Members& members, std::string_view name) {
    for (auto& [its_name, content] : members)
        if (its_name == name) return content;
    std::abort();
}

// Signs what a forger with the vendor's key has put together.
inline std::string with_manifest(Members members, const std::string& manifest_text) {
    member(members, "manifest.json") = manifest_text;
    member(members, "manifest.sig") = pki().key.sign(manifest_text, pki().signing_time).value();
    return assemble(members);
}

// The same with digests and sizes that agree with the members.
inline std::string with_members(Members members, Manifest manifest) {
    for (auto& spec : manifest.members) {
        const auto& content = member(members, spec.name);
        spec.size_bytes = content.size();
        spec.sha256 = to_hex(sha256(content));
    }
    return with_manifest(std::move(members), to_json(manifest));
}

}  // namespace cutover::testing_packages
