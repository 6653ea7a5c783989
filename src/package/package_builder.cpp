#include "package/package_builder.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "crypto/digest.h"
#include "model/manifest.h"
#include "model/package_kind.h"
#include "model/package_spec.h"
#include "package/chunk_index.h"
#include "package/chunker.h"
#include "package/errors.h"
#include "package/file_source.h"
#include "package/frame_writer.h"
#include "package/partial_file.h"
#include "package/self_extractor.h"
#include "package/tar.h"
#include "package/tree.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBuffer = std::size_t{256} * 1024;

using Hooks = std::map<std::string, std::string>;  // member name -> content

// "scripts/stop.sh" becomes the member "hooks/scripts/stop.sh", "hooks/stop.sh" stays.
std::string member_name(const std::string& path) {
    return path.starts_with("hooks/") ? path : "hooks/" + path;
}

Result<std::string> add_hook(const fs::path& folder, const std::string& path, Hooks& hooks) {
    auto name = member_name(path);
    if (!is_member_name(name))
        return fail(
            errors::package_build_input,
            "'{}' cannot be a member: a relative path of at most 94 of A-Z a-z 0-9 . _ + - @ "
            "is needed",
            path);
    hooks[name] = TRY(read_file(folder / path, kMaxHookBytes));
    return name;
}

Result<> add_migrations(const BuildRequest& request, Manifest& manifest, Hooks& hooks) {
    const auto& path = request.spec.config_migrations;
    if (path.empty()) return {};
    std::error_code error;
    fs::recursive_directory_iterator entry(request.folder / path, error);
    for (const fs::recursive_directory_iterator end; !error && entry != end;
         entry.increment(error)) {
        if (!entry->is_regular_file()) continue;
        const auto relative = entry->path().lexically_relative(request.folder);
        TRY(add_hook(request.folder, relative.generic_string(), hooks));
    }
    if (error)
        return std::unexpected(errno_error(error.value(), fmt::format("read migrations {}", path)));
    manifest.config_migrations = member_name(path);
    return {};
}

Result<Hooks> collect_hooks(const BuildRequest& request, Manifest& manifest) {
    Hooks hooks;
    for (const auto& [stage, path] : request.spec.hooks)
        manifest.hooks[stage] = TRY(add_hook(request.folder, path, hooks), "hook of {}", stage);
    for (const auto& path : request.spec.config_modules)
        manifest.config_modules.push_back(TRY(add_hook(request.folder, path, hooks)));
    TRY(add_migrations(request, manifest, hooks));
    return hooks;
}

// The average chunk, large enough for the index to stay within its bound.
std::uint32_t chunk_average(std::uint32_t wanted, std::uint64_t content_bytes) {
    constexpr std::uint64_t kMostChunks = kMaxChunkIndexBytes / 80 / 2;  // half: an average varies
    if (wanted != 0) return wanted;
    auto average = kDefaultChunkAverage;
    while (average < kMostChunkAverage && content_bytes / average > kMostChunks) average *= 2;
    return average;
}

// Copies the payload into frames.
class PayloadWriter {
public:
    PayloadWriter(const BuildRequest& request, std::uint32_t average, std::uint64_t total, int fd)
        : request_(&request),
          total_(total),
          frames_({.level = request.level, .threads = request.threads},
                  [this, fd](std::span<const std::byte> frame) {
                      digest_.update(frame);
                      return write_all(fd, frame, "the frames");
                  }),
          chunker_(average, [this](std::vector<std::byte> chunk) {
              done_ += chunk.size();
              if (request_->on_progress) request_->on_progress(done_, std::max(done_, total_));
              return frames_.add(std::move(chunk));
          }) {}

    Result<> write(std::span<const std::byte> bytes) { return chunker_.write(bytes); }
    Result<> finish() {
        TRY(chunker_.finish());
        return frames_.finish();
    }
    const ChunkIndexWriter& index() const { return frames_.index(); }
    Digest digest() { return digest_.finish(); }

private:
    const BuildRequest* request_;
    std::uint64_t total_;
    std::uint64_t done_ = 0;
    Sha256 digest_;
    FrameWriter frames_;
    Chunker chunker_;
};

Result<> copy_image(const fs::path& path, PayloadWriter& writer) {
    auto source = TRY(FileSource::open(path));
    std::vector<std::byte> buffer(kBuffer);
    while (const auto got = TRY(source.read(buffer)))
        TRY(writer.write(std::span<const std::byte>(buffer).first(got)));
    return {};
}

Result<std::uint64_t> content_size(PayloadType type, const fs::path& path) {
    std::error_code error;
    if (is_tree(type)) {
        if (!fs::is_directory(path, error))
            return fail(errors::package_build_input, "the payload {} is not a folder",
                        path.string());
        constexpr std::uint64_t kHeader = 1024;
        const auto size = TRY(measure_tree(path));
        return size.content_bytes + (size.entries * kHeader);
    }
    const auto size = fs::file_size(path, error);
    if (error || size == 0)
        return fail(errors::package_build_input, "the payload {} is not a file with content",
                    path.string());
    return size;
}

MemberSpec describe(std::string name, std::string_view content) {
    return {
        .name = std::move(name), .size_bytes = content.size(), .sha256 = to_hex(sha256(content))};
}

// The payload's frames go to `frames` first: the manifest, which comes before them, needs their
// digests.
struct Payload {
    MemberSpec member;
    std::string index;
};

Result<Payload> write_payload(const BuildRequest& request, Manifest& manifest, int frames) {
    const auto path = request.folder / request.spec.payload_path;
    const auto type = manifest.payload.type;
    const auto estimate = TRY(content_size(type, path), "read the payload");
    const auto average = chunk_average(request.spec.chunk_bytes, estimate);
    PayloadWriter writer(request, average, estimate, frames);
    if (is_tree(type)) {
        const bool keep = request.spec.keep_owners.value_or(::geteuid() == 0);
        const auto size =
            TRY(pack_tree(
                    path, [&](std::span<const std::byte> bytes) { return writer.write(bytes); },
                    keep ? TreeOwners::keep : TreeOwners::root),
                "pack {}", path.string());
        manifest.payload.installed_bytes = size.installed_bytes;
    } else {
        TRY(copy_image(path, writer));
    }
    TRY(writer.finish());
    const auto& index = writer.index();
    manifest.payload.content_bytes = index.content_bytes();
    manifest.payload.chunk_count = index.count();
    if (type == PayloadType::image) manifest.payload.installed_bytes = index.content_bytes();
    Payload payload{.member = {.name = "payload",
                               .size_bytes = index.frame_bytes(),
                               .sha256 = to_hex(writer.digest())},
                    .index = index.finish()};
    if (payload.index.size() > kMaxChunkIndexBytes)
        return fail(errors::package_build_input,
                    "{} chunks are too many for this payload: raise the chunk size", index.count());
    return payload;
}

Result<> check_supported(const PackageSpec& spec, bool self_extracting) {
    const auto& manifest = spec.manifest;
    if (manifest.payload.type == PayloadType::deb && manifest.kind == PackageKind::base)
        return fail(errors::package_build_input,
                    "a base is an image or a tree, not Debian packages");
    if (self_extracting && manifest.kind != PackageKind::pack)
        return fail(errors::package_build_input,
                    "only an update pack can be self-extracting, not a {} package",
                    to_string(manifest.kind));
    if (spec.chunk_bytes != 0 && !is_chunk_average(spec.chunk_bytes))
        return fail(errors::package_build_input,
                    "a chunk size is a power of two from 1 KiB to 1 MiB, not {}", spec.chunk_bytes);
    if (manifest.payload.type != PayloadType::none && spec.payload_path.empty())
        return fail(errors::package_build_input, "[payload] has no path");
    return {};
}

// The members in their order, into the partial output.
Result<> assemble(PartialFile& output, const Manifest& manifest, const std::string& manifest_text,
                  const Hooks& hooks, const std::optional<Payload>& payload, int frames) {
    TRY(output.write_member("manifest.json", manifest_text));
    if (payload) TRY(output.write_member("chunks.idx", payload->index));
    for (const auto& [name, content] : hooks) TRY(output.write_member(name, content));
    if (payload) {
        const auto size = manifest.members.back().size_bytes;
        TRY(output.write(tar::header("payload", size)));
        TRY(output.copy_from(frames, 0, "the frames"));
        TRY(output.write(std::string(tar::padding(size), '\0')));
    }
    return output.write(tar::end_mark());
}

}  // namespace

Result<BuildResult> build_package(const BuildRequest& request) {
    TRY(check_supported(request.spec, request.self_extracting));
    auto manifest = request.spec.manifest;
    manifest.schema_major = kSchemaMajor;
    manifest.schema_minor = kSchemaMinor;
    manifest.created = to_iso8601(request.created);
    const auto hooks = TRY(collect_hooks(request, manifest));

    auto frames = TRY(PartialFile::create(request.output, ".frames"));
    std::optional<Payload> payload;
    if (manifest.payload.type != PayloadType::none)
        payload = TRY(write_payload(request, manifest, frames.fd()));
    if (payload) manifest.members.push_back(describe("chunks.idx", payload->index));
    for (const auto& [name, content] : hooks) manifest.members.push_back(describe(name, content));
    if (payload) manifest.members.push_back(payload->member);
    TRY(validate(manifest), "the package would not be accepted");

    const auto text = to_json(manifest);
    if (text.size() > kMaxManifestBytes)
        return fail(errors::package_build_input, "the manifest would have {} bytes, {} are allowed",
                    text.size(), kMaxManifestBytes);
    auto output = TRY(PartialFile::create(request.output, ".partial"));
    if (request.self_extracting) {
        TRY(output.write(self_extractor()));
        TRY(output.make_executable());
    }
    TRY(assemble(output, manifest, text, hooks, payload, frames.fd()));
    const auto file_bytes = output.written();
    TRY(output.commit());
    return BuildResult{
        .manifest = std::move(manifest), .manifest_digest = sha256(text), .file_bytes = file_bytes};
}

}  // namespace cutover
