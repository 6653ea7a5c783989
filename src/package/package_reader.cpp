#include "package/package_reader.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/byte_source.h"
#include "base/error.h"
#include "crypto/digest.h"
#include "crypto/trust_store.h"
#include "model/manifest.h"
#include "model/package_kind.h"
#include "package/chunk_index.h"
#include "package/errors.h"
#include "package/payload_stream.h"
#include "package/tar.h"
#include "package/tree.h"

namespace cutover {

struct PackageReader::State {
    explicit State(ByteSource& source) : tar(source) {}

    tar::Reader tar;
    std::string signature;
    std::string manifest_text;
    Digest manifest_digest;
    Manifest manifest;
    std::optional<SignerInfo> signer;
    ChunkIndex index;
    std::vector<HookFile> hooks;
    std::vector<std::string> seen;  // names of the members read so far
    bool content_taken = false;
};

namespace {

constexpr std::size_t kBuffer = std::size_t{64} * 1024;
constexpr std::string_view kSignature = "manifest.sig";
constexpr std::string_view kManifest = "manifest.json";
constexpr std::string_view kIndex = "chunks.idx";
constexpr std::string_view kPayload = "payload";

bool contains(const std::vector<std::string>& names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
}

bool is_known_name(std::string_view name) {
    return name == kSignature || name == kManifest || name == kIndex || name == kPayload ||
           name.starts_with("hooks/");
}

// Looks, for the sake of the message only, whether `wanted` is further on in the file.
bool comes_later(tar::Reader& tar, tar::Entry entry, std::string_view wanted) {
    constexpr std::uint64_t kMaxSkipped = std::uint64_t{64} * 1024 * 1024;
    std::vector<std::byte> buffer(kBuffer);
    for (std::uint64_t skipped = 0; skipped < kMaxSkipped;) {
        for (auto rest = entry.size; rest > 0;) {
            const auto part = std::min<std::uint64_t>(rest, buffer.size());
            if (!tar.read(std::span(buffer).first(static_cast<std::size_t>(part)))) return false;
            rest -= part;
            skipped += part;
            if (skipped > kMaxSkipped) return false;
        }
        if (!tar.read_padding(entry.size)) return false;
        auto next = tar.next();
        if (!next || next->end) return false;
        if (next->entry.name == wanted) return true;
        entry = std::move(next->entry);
        skipped += tar::kBlock;
    }
    return false;
}

// Why the member at hand is not the one that must be here.
std::unexpected<Error> wrong_member(tar::Reader& tar, const std::vector<std::string>& seen,
                                    const tar::Entry& found, std::string_view wanted) {
    if (contains(seen, found.name)) return fail(errors::package_member_twice, "'{}'", found.name);
    if (comes_later(tar, found, wanted))
        return fail(errors::package_member_order, "'{}' comes before '{}'", found.name, wanted);
    if (!is_known_name(found.name))
        return fail(errors::package_member_unknown, "'{}' is where '{}' should be", found.name,
                    wanted);
    return fail(errors::package_member_missing, "'{}' is where '{}' should be", found.name, wanted);
}

// The header of the next member, which must be `wanted`.
Result<std::uint64_t> expect_member(tar::Reader& tar, std::vector<std::string>& seen,
                                    std::string_view wanted) {
    auto next = TRY(tar.next());
    if (next.end) return fail(errors::package_member_missing, "the file has no '{}'", wanted);
    if (next.entry.name != wanted) return wrong_member(tar, seen, next.entry, wanted);
    seen.emplace_back(wanted);
    return next.entry.size;
}

Result<std::string> read_content(tar::Reader& tar, std::string_view name, std::uint64_t size,
                                 std::uint64_t max_bytes) {
    if (size == 0 || size > max_bytes)
        return fail(errors::package_member_size, "'{}' has {} bytes; 1 to {} are allowed", name,
                    size, max_bytes);
    std::string content(static_cast<std::size_t>(size), '\0');
    TRY(tar.read(std::as_writable_bytes(std::span(content))));
    TRY(tar.read_padding(size));
    return content;
}

// A member that the manifest describes, and that fits into memory.
Result<std::string> read_described(tar::Reader& tar, std::vector<std::string>& seen,
                                   const MemberSpec& member) {
    const auto size = TRY(expect_member(tar, seen, member.name));
    if (size != member.size_bytes)
        return fail(errors::package_member_size, "'{}' has {} bytes, the manifest says {}",
                    member.name, size, member.size_bytes);
    std::string content;
    if (size > 0) content = TRY(read_content(tar, member.name, size, kMaxChunkIndexBytes));
    if (to_hex(sha256(content)) != member.sha256)
        return fail(errors::package_member_changed, "'{}' has another SHA-256", member.name);
    return content;
}

// The first member. A package that was not signed begins with its manifest.
Result<std::string> read_signature(tar::Reader& tar, std::vector<std::string>& seen,
                                   std::optional<std::uint64_t>& manifest_size) {
    const auto first = TRY(tar.next());
    if (first.end) return fail(errors::package_not_a_package, "it is an empty archive");
    if (first.entry.name == kManifest) {
        manifest_size = first.entry.size;
        seen.emplace_back(kManifest);
        return std::string();
    }
    if (first.entry.name != kSignature) {
        if (is_known_name(first.entry.name) || first.entry.name.starts_with("manifest."))
            return wrong_member(tar, seen, first.entry, kSignature);
        return fail(errors::package_not_a_package, "its first member is '{}'", first.entry.name);
    }
    seen.emplace_back(kSignature);
    return read_content(tar, kSignature, first.entry.size, kMaxSignatureBytes);
}

Result<> check_sizes(const Manifest& manifest, const ChunkIndex& index) {
    const auto& payload = manifest.payload;
    if (index.count() != payload.chunk_count || index.content_bytes() != payload.content_bytes ||
        index.frame_bytes() != manifest.members.back().size_bytes)
        return fail(errors::package_size_lie,
                    "the chunk index has {} chunks of {} bytes, the manifest says {} and {}",
                    index.count(), index.content_bytes(), payload.chunk_count,
                    payload.content_bytes);
    return {};
}

// Told before anything is erased to make room, where the source knows its length.
Result<> check_length(std::optional<std::uint64_t> has, std::uint64_t expected) {
    if (!has || *has == expected) return {};
    if (*has < expected)
        return fail(errors::package_truncated, "the file has {} bytes of {}", *has, expected);
    return fail(errors::package_trailing_data, "the file has {} bytes after the package's {}",
                *has - expected, expected);
}

}  // namespace

PackageReader::PackageReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
PackageReader::PackageReader(PackageReader&&) noexcept = default;
PackageReader& PackageReader::operator=(PackageReader&&) noexcept = default;
PackageReader::~PackageReader() = default;

Result<PackageReader> PackageReader::open(ByteSource& source, const TrustStore& trust,
                                          const TrustTime& time) {
    return open(source, &trust, time);
}

Result<PackageReader> PackageReader::open_unverified(ByteSource& source) {
    return open(source, nullptr, {});
}

Result<PackageReader> PackageReader::open(ByteSource& source, const TrustStore* trust,
                                          const TrustTime& time) {
    auto state = std::make_unique<State>(source);
    std::optional<std::uint64_t> manifest_size;
    state->signature = TRY(read_signature(state->tar, state->seen, manifest_size));
    if (trust != nullptr && state->signature.empty())
        return fail(errors::package_unsigned, "the file begins with its manifest");
    if (!manifest_size) manifest_size = TRY(expect_member(state->tar, state->seen, kManifest));
    state->manifest_text =
        TRY(read_content(state->tar, kManifest, *manifest_size, kMaxManifestBytes));
    if (trust != nullptr)
        state->signer = TRY(verify_signature(state->signature, state->manifest_text, *trust, time));
    else if (!state->signature.empty())
        TRY(describe_signature(state->signature, state->manifest_text));
    state->manifest_digest = sha256(state->manifest_text);
    state->manifest = TRY(parse_manifest(state->manifest_text));

    const auto& manifest = state->manifest;
    for (const auto& member : manifest.members) {
        if (member.name == kIndex) {
            state->index =
                TRY(ChunkIndex::parse(TRY(read_described(state->tar, state->seen, member))));
        } else if (member.name != kPayload) {
            auto content = TRY(read_described(state->tar, state->seen, member));
            state->hooks.push_back({.name = member.name, .content = std::move(content)});
        }
    }
    if (manifest.payload.type == PayloadType::none) {
        TRY(check_package_end(state->tar, state->seen.back()));
        return PackageReader(std::move(state));
    }
    TRY(check_sizes(manifest, state->index));
    const auto size = TRY(expect_member(state->tar, state->seen, kPayload));
    if (size != manifest.members.back().size_bytes)
        return fail(errors::package_member_size, "the payload has {} bytes, the manifest says {}",
                    size, manifest.members.back().size_bytes);
    TRY(check_length(source.total_bytes(),
                     state->tar.position() + size + tar::padding(size) + tar::end_mark().size()));
    return PackageReader(std::move(state));
}

const Manifest& PackageReader::manifest() const { return state_->manifest; }
const std::string& PackageReader::manifest_text() const { return state_->manifest_text; }
const Digest& PackageReader::manifest_digest() const { return state_->manifest_digest; }
const std::optional<SignerInfo>& PackageReader::signer() const { return state_->signer; }
const std::string& PackageReader::signature() const { return state_->signature; }
bool PackageReader::self_extracting() const { return state_->tar.began_with_script(); }
const ChunkIndex& PackageReader::index() const { return state_->index; }
const std::vector<HookFile>& PackageReader::hooks() const { return state_->hooks; }

std::unique_ptr<ByteSource> PackageReader::content(PayloadCheck check) {
    CUTOVER_CHECK(!state_->content_taken);
    CUTOVER_CHECK(state_->manifest.payload.type != PayloadType::none);
    state_->content_taken = true;
    return stream_payload(state_->tar, state_->index, state_->manifest.members.back(), check);
}

Result<> verify_payload(PackageReader& reader) {
    if (reader.manifest().payload.type == PayloadType::none) return {};
    const auto content = reader.content(PayloadCheck::all);
    const auto& payload = reader.manifest().payload;
    if (is_tree(payload.type)) {
        TRY(check_tree(*content, {.installed_bytes = payload.installed_bytes}));
        return {};
    }
    std::vector<std::byte> buffer(kBuffer);
    while (TRY(content->read(buffer)) > 0) {
    }
    return {};
}

}  // namespace cutover
