// `cutover package show`, `verify` and `extract`.

#include <CLI/App.hpp>
#include <CLI/CLI.hpp>  // IWYU pragma: keep
#include <CLI/Validators.hpp>
#include <cstddef>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "authoring/commands.h"
#include "authoring/errors.h"
#include "authoring/package_commands.h"
#include "base/byte_source.h"
#include "base/clock.h"
#include "base/counted.h"
#include "base/error.h"
#include "base/files.h"
#include "crypto/digest.h"
#include "crypto/trust_store.h"
#include "model/device_config.h"
#include "model/manifest.h"
#include "model/manifest_names.h"
#include "model/package_kind.h"
#include "package/file_source.h"
#include "package/package_reader.h"
#include "package/tree.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct TrustOptions {
    fs::path anchors;
    bool strict_expiry = false;
};

void add_trust_options(CLI::App& command, TrustOptions& options, bool required) {
    command
        .add_option("--trust", options.anchors,
                    "a CA certificate (PEM), or a folder of them and of revocation lists")
        ->required(required);
    command.add_flag("--refuse-expired", options.strict_expiry,
                     "refuse a certificate that has expired, even if it was valid at signing");
}

Result<PackageReader> open_package(FileSource& source, const TrustOptions& options) {
    if (options.anchors.empty()) return PackageReader::open_unverified(source);
    const auto trust = TRY(TrustStore::load(options.anchors));
    return PackageReader::open(
        source, trust,
        {.now = SystemClock().wall(),
         .expired =
             options.strict_expiry ? ExpiredPolicy::refuse : ExpiredPolicy::signed_while_valid});
}

struct Signature {
    std::string state;  // "trusted", "not checked", "missing"
    std::optional<SignerInfo> signer;
};

Result<Signature> signature_of(const PackageReader& reader) {
    if (reader.signer()) return Signature{.state = "trusted", .signer = reader.signer()};
    if (reader.signature().empty()) return Signature{.state = "missing", .signer = std::nullopt};
    auto signer = TRY(describe_signature(reader.signature(), reader.manifest_text()));
    return Signature{.state = "not checked", .signer = std::move(signer)};
}

json to_json(const Signature& signature) {
    json document{{"state", signature.state}};
    if (!signature.signer) return document;
    document["signer"] = signature.signer->subject;
    document["issuer"] = signature.signer->issuer;
    document["signed"] = to_iso8601(signature.signer->signing_time);
    document["certificate_expires"] = to_iso8601(signature.signer->expires);
    return document;
}

json to_json(const PackageReader& reader, const Signature& signature) {
    return {{"manifest", json::parse(reader.manifest_text(), nullptr, false)},
            {"digest", to_hex(reader.manifest_digest())},
            {"signature", to_json(signature)}};
}

std::string in_words(const Signature& signature) {
    if (!signature.signer) return "none: the package is not signed";
    return fmt::format("{}, by {} on {}{}", signature.state, signature.signer->subject,
                       to_iso8601(signature.signer->signing_time),
                       signature.signer->has_expired ? "; the certificate has expired since" : "");
}

void print_row(std::string_view name, const std::string& value) {
    if (!value.empty()) fmt::print("{:<14}{}\n", name, value);
}

std::string or_any(const std::string& text) { return text.empty() ? "any" : text; }

void print_compatible(const Manifest& manifest) {
    const auto& compatible = manifest.compatible;
    print_row("hardware", or_any(fmt::format("{}", fmt::join(compatible.hardware, ", "))));
    print_row("architecture", or_any(fmt::format("{}", fmt::join(compatible.architecture, ", "))));
    print_row("upgrades from", or_any(compatible.from.text()));
    if (manifest.kind != PackageKind::base)
        print_row("runs on base", or_any(compatible.base.text()));
    for (const auto& [name, range] : manifest.needs)
        print_row("requires", fmt::format("{} {}", name, range.text()));
    for (const auto& [name, range] : manifest.conflicts)
        print_row("conflicts", fmt::format("{} {}", name, range.text()));
    for (const auto& [name, version] : manifest.provides)
        print_row("provides", fmt::format("{} {}", name, version.text()));
}

void print_manifest(const Manifest& manifest) {
    print_row("package", fmt::format("{} {} {}", to_string(manifest.kind), manifest.name,
                                     manifest.version.text()));
    print_row("summary", manifest.summary);
    print_row("epoch", fmt::format("{}", manifest.epoch));
    print_row("created", manifest.created);
    const auto& payload = manifest.payload;
    if (payload.type == PayloadType::none)
        print_row("payload", "none");
    else
        print_row("payload", fmt::format("{}, {} in {}, {} packed, {} installed",
                                         to_string(payload.type), human_size(payload.content_bytes),
                                         counted(payload.chunk_count, "chunk"),
                                         human_size(manifest.members.back().size_bytes),
                                         human_size(payload.installed_bytes)));
    print_compatible(manifest);
    for (const auto& included : manifest.includes)
        print_row(manifest.kind == PackageKind::pack ? "member" : "includes",
                  fmt::format("{} {} {}{}{}", to_string(included.kind), included.name,
                              included.version.text(), included.digest.empty() ? "" : "  ",
                              included.digest));
    if (manifest.kind == PackageKind::pack) print_row("level", fmt::format("{}", manifest.level));
    for (const auto& id : manifest.supports) print_row("supports", id);
    for (const auto& name : manifest.replaces) print_row("replaces", name);
    for (const auto& service : manifest.services)
        print_row("service", fmt::format("{}: {}", service.name, fmt::join(service.command, " ")));
    for (const auto& touch : manifest.touches)
        print_row("touches", fmt::format("{}: {}", touch.name, to_string(touch.on_change)));
    for (const auto& health : manifest.health) print_row("health", health.name);
    for (const auto& program : manifest.programs) print_row("needs", program);
    for (const auto& path : manifest.persist) print_row("persist", path);
    for (const auto& [stage, member] : manifest.hooks)
        print_row("hook", fmt::format("{}: {}", stage, member));
}

struct ShowOptions {
    fs::path package;
    TrustOptions trust;
    bool json = false;
};

Result<> show(const ShowOptions& options) {
    auto source = TRY(FileSource::open(options.package));
    const auto reader = TRY(open_package(source, options.trust), "{}", options.package.string());
    const auto signature = TRY(signature_of(reader));
    if (options.json) {
        fmt::print("{}\n", to_json(reader, signature).dump(2));
        return {};
    }
    print_manifest(reader.manifest());
    print_row("signature", in_words(signature));
    print_row("digest", to_hex(reader.manifest_digest()));
    return {};
}

struct VerifyOptions {
    std::vector<fs::path> packages;
    TrustOptions trust;
    bool json = false;
};

Result<> verify(const VerifyOptions& options) {
    auto documents = json::array();
    for (const auto& package : options.packages) {
        auto source = TRY(FileSource::open(package));
        auto reader = TRY(open_package(source, options.trust), "{}", package.string());
        TRY(verify_payload(reader), "{}", package.string());
        const auto signature = TRY(signature_of(reader));
        if (options.json) {
            auto document = to_json(reader, signature);
            document["file"] = package.string();
            documents.push_back(std::move(document));
            continue;
        }
        const auto& manifest = reader.manifest();
        fmt::print("{}: whole and unchanged; {} {} {}, {}\n", package.string(),
                   to_string(manifest.kind), manifest.name, manifest.version.text(),
                   in_words(signature));
    }
    if (options.json) fmt::print("{}\n", documents.dump(2));
    return {};
}

struct ExtractOptions {
    fs::path package;
    fs::path folder;
    TrustOptions trust;
};

Result<> write_image(ByteSource& content, const fs::path& path) {
    const auto file = TRY(open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0644));
    std::vector<std::byte> buffer(std::size_t{256} * 1024);
    while (const auto got = TRY(content.read(buffer)))
        TRY(write_all(file.get(), std::span<const std::byte>(buffer).first(got), path.string()));
    return sync_fd(file.get(), path.string());
}

Result<> extract_content(PackageReader& reader, const fs::path& folder) {
    const auto& payload = reader.manifest().payload;
    if (payload.type == PayloadType::none) return {};
    const auto content = reader.content(PayloadCheck::all);
    if (!is_tree(payload.type)) return write_image(*content, folder / "image");
    TRY(make_folders(folder / "root"));
    TRY(unpack_tree(*content, folder / "root", {.installed_bytes = payload.installed_bytes}));
    return sync_file_system(folder);
}

Result<> extract(const ExtractOptions& options) {
    if (fs::exists(options.folder) && !fs::is_empty(options.folder))
        return fail(errors::authoring_exists, "{} is not empty", options.folder.string());
    auto source = TRY(FileSource::open(options.package));
    auto reader = TRY(open_package(source, options.trust), "{}", options.package.string());
    TRY(make_folders(options.folder));
    TRY(extract_content(reader, options.folder), "{}", options.package.string());
    constexpr mode_t kReadable = 0644;
    for (const auto& hook : reader.hooks()) {
        TRY(make_folders((options.folder / hook.name).parent_path()));
        TRY(write_file_durably(options.folder / hook.name, hook.content, kReadable));
    }
    TRY(write_file_durably(options.folder / "manifest.json", reader.manifest_text(), kReadable));
    fmt::print("{}: {} {} is in {}\n", options.package.string(), reader.manifest().name,
               reader.manifest().version.text(), options.folder.string());
    return {};
}

}  // namespace

void add_show_command(CLI::App& package, ChosenCommand& chosen) {
    const auto options = std::make_shared<ShowOptions>();
    auto& command = *package.add_subcommand("show", "Show what a package says of itself");
    command.add_option("PACKAGE", options->package, "the package file")->required();
    add_trust_options(command, options->trust, false);
    command.add_flag("--json", options->json, "print one JSON document");
    command.footer(
        "# Without --trust the signature is shown, but nobody vouches for the signer. The payload\n"
        "# is not read: `cutover package verify` does that.\n"
        "cutover package show nos-1.1.0.cc\n"
        "cutover package show nos-1.1.0.cc --trust keys/ca.crt --json");
    command.callback([options, &chosen] { chosen = [options] { return show(*options); }; });
}

void add_verify_command(CLI::App& package, ChosenCommand& chosen) {
    const auto options = std::make_shared<VerifyOptions>();
    auto& command = *package.add_subcommand("verify", "Check every byte of packages");
    command.add_option("PACKAGE", options->packages, "package files")->required();
    add_trust_options(command, options->trust, true);
    command.add_flag("--json", options->json, "print one JSON document");
    command.footer(
        "cutover package verify nos-1.1.0.cc --trust keys/ca.crt\n"
        "cutover package verify *.cc --trust /etc/cutover/trust");
    command.callback([options, &chosen] { chosen = [options] { return verify(*options); }; });
}

void add_extract_command(CLI::App& package, ChosenCommand& chosen) {
    const auto options = std::make_shared<ExtractOptions>();
    auto& command = *package.add_subcommand("extract", "Unpack a package into a folder");
    command.add_option("PACKAGE", options->package, "the package file")->required();
    command
        .add_option("FOLDER", options->folder,
                    "is made; gets manifest.json, hooks/, and root/ or image")
        ->required();
    add_trust_options(command, options->trust, false);
    command.footer(
        "# Without --trust the package is checked for damage, but anybody may have signed it.\n"
        "cutover package extract nos-1.1.0.cc unpacked --trust keys/ca.crt");
    command.callback([options, &chosen] { chosen = [options] { return extract(*options); }; });
}

}  // namespace cutover
