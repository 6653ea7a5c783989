// `cutover package build` and `sign`.

#include <CLI/App.hpp>
#include <CLI/CLI.hpp>  // IWYU pragma: keep
#include <CLI/Validators.hpp>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <unistd.h>

#include <fmt/core.h>

#include "authoring/commands.h"
#include "authoring/errors.h"
#include "authoring/pack_members.h"
#include "authoring/package_commands.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "crypto/digest.h"
#include "crypto/signing_key.h"
#include "model/package_kind.h"
#include "model/package_spec.h"
#include "model/version.h"
#include "package/package_builder.h"
#include "package/package_signer.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxSpecBytes = std::size_t{1024} * 1024;

struct KeyOptions {
    std::string key;
    fs::path certificate;
};

struct BuildOptions {
    fs::path spec;
    fs::path output;
    std::string kind;
    std::string name;
    std::string version;
    std::string summary;
    std::optional<std::uint32_t> epoch;
    fs::path payload;
    std::string payload_type;
    std::uint64_t chunk_bytes = 0;
    int level = 9;
    unsigned threads = 0;
    KeyOptions signer;
    bool self_extracting = false;
    bool json = false;
};

// The time that the manifest tells: SOURCE_DATE_EPOCH where that is set, so that a build can be
// repeated.
Result<WallTime> creation_time() {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread is there yet
    const auto* const text = std::getenv("SOURCE_DATE_EPOCH");
    if (text == nullptr) return SystemClock().wall();
    const std::string_view digits = text;
    std::int64_t seconds = 0;
    const auto* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, seconds);
    constexpr std::int64_t kEndOfYear9999 = 253402300799;
    if (error != std::errc{} || stop != end || seconds < 0 || seconds > kEndOfYear9999)
        return fail(errors::authoring_bad_option,
                    "SOURCE_DATE_EPOCH is '{}', not a number of seconds", digits);
    return WallTime(std::chrono::seconds(seconds));
}

Result<> apply_flags(const BuildOptions& options, PackageSpec& spec) {
    auto& manifest = spec.manifest;
    if (!options.kind.empty()) {
        const auto kind = package_kind_from(options.kind);
        if (!kind)
            return fail(errors::authoring_bad_option, "--kind '{}' is unknown", options.kind);
        manifest.kind = *kind;
    }
    if (!options.payload_type.empty()) {
        const auto type = payload_type_from(options.payload_type);
        if (!type)
            return fail(errors::authoring_bad_option, "--payload-type '{}' is unknown",
                        options.payload_type);
        manifest.payload.type = *type;
    }
    if (!options.name.empty()) manifest.name = options.name;
    if (!options.version.empty())
        manifest.version = TRY(Version::parse(options.version), "--version");
    if (!options.summary.empty()) manifest.summary = options.summary;
    if (options.epoch) manifest.epoch = *options.epoch;
    if (!options.payload.empty()) spec.payload_path = fs::absolute(options.payload).string();
    if (options.chunk_bytes > std::numeric_limits<std::uint32_t>::max())
        return fail(errors::authoring_bad_option, "--chunk-size is too large");
    if (options.chunk_bytes != 0)
        spec.chunk_bytes = static_cast<std::uint32_t>(options.chunk_bytes);
    return {};
}

// A line on a terminal that is written over; nothing anywhere else.
class ProgressLine {
public:
    void show(std::uint64_t done, std::uint64_t total) {
        const auto now = std::chrono::steady_clock::now();
        if (!is_terminal_ || now - shown_ < std::chrono::milliseconds(100)) return;
        shown_ = now;
        const auto seconds = std::chrono::duration<double>(now - start_).count();
        const auto rate = seconds > 0 ? static_cast<double>(done) / seconds : 0.0;
        fmt::print(stderr, "\r  compressing {:3} %  {} of {}  {}/s   ",
                   total == 0 ? 0 : done * 100 / total, human_size(done), human_size(total),
                   human_size(static_cast<unsigned long long>(rate)));
        std::fflush(stderr);
    }
    ~ProgressLine() {
        if (shown_ > start_) fmt::print(stderr, "\r\x1b[K");
    }
    ProgressLine() = default;
    ProgressLine(const ProgressLine&) = delete;
    ProgressLine& operator=(const ProgressLine&) = delete;

private:
    bool is_terminal_ = ::isatty(STDERR_FILENO) == 1;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
    std::chrono::steady_clock::time_point shown_ = start_;
};

Result<BuildResult> build_file(const BuildOptions& options, const PackageSpec& spec,
                               const fs::path& output) {
    const auto created = TRY(creation_time());
    ProgressLine progress;
    BuildRequest request{.spec = spec,
                         .folder = fs::absolute(options.spec).parent_path(),
                         .output = output,
                         .created = created,
                         .level = options.level,
                         .threads = options.threads,
                         .self_extracting = options.self_extracting};
    request.on_progress = [&](std::uint64_t done, std::uint64_t total) {
        progress.show(done, total);
    };
    return build_package(request);
}

void print_built(const BuildOptions& options, const BuildResult& built, const fs::path& output,
                 bool is_signed) {
    const auto& manifest = built.manifest;
    if (options.json) {
        const nlohmann::json document{{"file", output.string()},
                                      {"file_bytes", built.file_bytes},
                                      {"digest", to_hex(built.manifest_digest)},
                                      {"kind", to_string(manifest.kind)},
                                      {"name", manifest.name},
                                      {"version", manifest.version.text()},
                                      {"content_bytes", manifest.payload.content_bytes},
                                      {"chunks", manifest.payload.chunk_count},
                                      {"signed", is_signed}};
        fmt::print("{}\n", document.dump(2));
        return;
    }
    fmt::print("{}: {} {} {}, {} in {} chunks, {} packed, {}\n", output.string(),
               to_string(manifest.kind), manifest.name, manifest.version.text(),
               human_size(manifest.payload.content_bytes), manifest.payload.chunk_count,
               human_size(built.file_bytes), is_signed ? "signed" : "not signed yet");
}

Result<> build(const BuildOptions& options) {
    const auto text = TRY(read_file(options.spec, kMaxSpecBytes), "read the specification");
    auto spec = TRY(parse_package_spec(text), "{}", options.spec.string());
    TRY(apply_flags(options, spec));
    auto output = options.output;
    if (output.empty())
        output = fmt::format("{}-{}{}", spec.manifest.name, spec.manifest.version.text(),
                             file_suffix(spec.manifest.kind));
    if (options.signer.key.empty() != options.signer.certificate.empty())
        return fail(errors::authoring_bad_option, "--key and --cert go together");
    // Before the build, which may take long.
    std::optional<SigningKey> key;
    if (!options.signer.key.empty())
        key = TRY(SigningKey::load(options.signer.key, options.signer.certificate));
    std::optional<TempFolder> members;
    if (spec.manifest.kind == PackageKind::pack)
        members.emplace(TRY(gather_members(spec, fs::absolute(options.spec).parent_path())));
    const auto built = TRY(build_file(options, spec, output));
    if (key) TRY(sign_package(output, output, *key, SystemClock().wall()));
    print_built(options, built, output, key.has_value());
    return {};
}

struct SignOptions {
    fs::path package;
    fs::path output;
    KeyOptions signer;
};

Result<> sign(const SignOptions& options) {
    const auto key = TRY(SigningKey::load(options.signer.key, options.signer.certificate));
    const auto output = options.output.empty() ? options.package : options.output;
    TRY(sign_package(options.package, output, key, SystemClock().wall()));
    fmt::print("{}: signed\n", output.string());
    return {};
}

void add_key_options(CLI::App& command, KeyOptions& options, bool required) {
    command
        .add_option("--key", options.key,
                    "private key: a PEM file, or a pkcs11: URI (PIN in the URI, in "
                    "CUTOVER_PKCS11_PIN, or typed)")
        ->required(required);
    command
        .add_option("--cert", options.certificate,
                    "the key's certificate (PEM), then those between it and the authority")
        ->required(required);
}

}  // namespace

void add_build_command(CLI::App& package, ChosenCommand& chosen) {
    const auto options = std::make_shared<BuildOptions>();
    auto& command = *package.add_subcommand("build", "Build a package from a package.toml");
    command.add_option("--spec", options->spec, "package.toml; its paths are relative to it")
        ->required();
    command.add_option("-o,--output", options->output,
                       "by default NAME-VERSION and the kind's suffix");
    command.add_option("--kind", options->kind, "instead of package.kind");
    command.add_option("--name", options->name, "instead of package.name");
    command.add_option("--version", options->version, "instead of package.version");
    command.add_option("--summary", options->summary, "instead of package.summary");
    command.add_option("--epoch", options->epoch, "instead of package.epoch");
    command.add_option("--payload", options->payload, "instead of payload.path");
    command.add_option("--payload-type", options->payload_type, "instead of payload.type");
    command
        .add_option(
            "--chunk-size", options->chunk_bytes,
            "average size of a chunk, a power of two like 64k; by default 64k, and more for "
            "very large payloads")
        ->transform(CLI::AsSizeValue(false));
    command.add_option("--level", options->level, "of zstd's compression")
        ->check(CLI::Range(1, 19))
        ->capture_default_str();
    command.add_option("--threads", options->threads, "by default one a core");
    add_key_options(command, options->signer, false);
    command.add_flag("--self-extracting", options->self_extracting,
                     "a file that can be run: it hands itself to the installed cutover");
    command.add_flag("--json", options->json, "print one JSON document");
    command.footer(
        "# With SOURCE_DATE_EPOCH in the environment the same input gives the same bytes.\n"
        "cutover package build --spec package.toml\n"
        "cutover package build --spec package.toml --version 1.1.1 --output nos.cc\n"
        "cutover package build --spec package.toml --key keys/signer.key --cert "
        "keys/signer.crt");
    command.callback([options, &chosen] { chosen = [options] { return build(*options); }; });
}

void add_sign_command(CLI::App& package, ChosenCommand& chosen) {
    const auto options = std::make_shared<SignOptions>();
    auto& command = *package.add_subcommand("sign", "Sign a package, or sign it anew");
    command.add_option("PACKAGE", options->package, "is checked first, then replaced as a whole")
        ->required();
    command.add_option("-o,--output", options->output, "leave PACKAGE and write here");
    add_key_options(command, options->signer, true);
    command.footer(
        "cutover package sign nos-1.1.0.cc --key keys/signer.key --cert keys/signer.crt\n"
        "cutover package sign nos-1.1.0.cc --cert signer.crt --key "
        "'pkcs11:token=release;object=signing;type=private'");
    command.callback([options, &chosen] { chosen = [options] { return sign(*options); }; });
}

}  // namespace cutover
