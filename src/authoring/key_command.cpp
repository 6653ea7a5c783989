// `cutover package keygen`: keys for trying things out and for small vendors.

#include <CLI/App.hpp>
#include <CLI/CLI.hpp>  // IWYU pragma: keep
#include <CLI/Validators.hpp>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <sys/types.h>
#include <utility>

#include <fmt/core.h>

#include "authoring/commands.h"
#include "authoring/errors.h"
#include "authoring/package_commands.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "crypto/certificate_maker.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

struct KeygenOptions {
    fs::path folder;
    std::string organisation;
    std::string name = "Release signing";
    int days = 3650;
    bool rsa = false;
    bool json = false;
};

constexpr std::size_t kMaxPemBytes = std::size_t{64} * 1024;

Result<> write_identity(const fs::path& folder, const std::string& name, const Identity& identity) {
    constexpr mode_t kPublic = 0644;
    TRY(write_file_durably(folder / (name + ".key"), identity.key));
    return write_file_durably(folder / (name + ".crt"), identity.certificate, kPublic);
}

// The authority that the folder holds, or a new one.
Result<Identity> find_authority(const KeygenOptions& options, CertificateRequest request) {
    const auto key = options.folder / "ca.key";
    const auto certificate = options.folder / "ca.crt";
    if (fs::exists(key) && fs::exists(certificate)) {
        auto key_text = TRY(read_file(key, kMaxPemBytes));
        auto certificate_text = TRY(read_file(certificate, kMaxPemBytes));
        return Identity{.key = std::move(key_text), .certificate = std::move(certificate_text)};
    }
    if (fs::exists(key) || fs::exists(certificate))
        return fail(errors::authoring_exists, "{} has one of ca.key and ca.crt, but not the other",
                    options.folder.string());
    request.use = CertificateUse::authority;
    request.common_name = options.organisation.empty()
                              ? "cutover package authority"
                              : options.organisation + " package authority";
    request.valid_until += std::chrono::hours(24);  // ends after what it issues
    auto authority = TRY(make_identity(request));
    TRY(write_identity(options.folder, "ca", authority));
    return authority;
}

Result<> keygen(const KeygenOptions& options) {
    for (const auto* name : {"signer.key", "signer.crt"})
        if (fs::exists(options.folder / name))
            return fail(errors::authoring_exists, "{} is there, and keys are never overwritten",
                        (options.folder / name).string());
    TRY(make_folders(options.folder));
    const auto now = SystemClock().wall();
    // From yesterday on, for clocks that are not exactly alike.
    const CertificateRequest request{.common_name = options.name,
                                     .organisation = options.organisation,
                                     .key = options.rsa ? KeyType::rsa_3072 : KeyType::ecdsa_p256,
                                     .valid_from = now - std::chrono::hours(24),
                                     .valid_until = now + std::chrono::hours(24) * options.days};
    const auto authority = TRY(find_authority(options, request));
    TRY(write_identity(options.folder, "signer", TRY(make_identity(request, &authority))));

    const auto path = [&](const char* name) { return (options.folder / name).string(); };
    if (options.json) {
        const nlohmann::json document{{"authority_certificate", path("ca.crt")},
                                      {"authority_key", path("ca.key")},
                                      {"signer_certificate", path("signer.crt")},
                                      {"signer_key", path("signer.key")},
                                      {"expires", to_iso8601(request.valid_until)}};
        fmt::print("{}\n", document.dump(2));
        return {};
    }
    fmt::print("authority     {}   what devices trust: give it to them\n", path("ca.crt"));
    fmt::print("  its key     {}   keep it off-line\n", path("ca.key"));
    fmt::print("signer        {}   valid until {}\n", path("signer.crt"),
               to_iso8601(request.valid_until));
    fmt::print("  its key     {}   keep it on the machine that signs\n", path("signer.key"));
    return {};
}

}  // namespace

void add_keygen_command(CLI::App& package, ChosenCommand& chosen) {
    const auto options = std::make_shared<KeygenOptions>();
    auto& command = *package.add_subcommand(
        "keygen", "Make an authority (ca.key, ca.crt) and a signer (signer.key, signer.crt)");
    command.add_option("FOLDER", options->folder, "where the keys go")->required();
    command.add_option("--organisation", options->organisation, "for the certificates' names");
    command.add_option("--name", options->name, "of the signer")->capture_default_str();
    command.add_option("--days", options->days, "how long the certificates are valid")
        ->check(CLI::Range(1, 36500))
        ->capture_default_str();
    command.add_flag("--rsa", options->rsa, "RSA keys with 3072 bits instead of ECDSA P-256");
    command.add_flag("--json", options->json, "print one JSON document");
    command.footer(
        "# A folder that has an authority already keeps it and gets a new signer.\n"
        "cutover package keygen keys\n"
        "cutover package keygen keys --organisation \"Example Networks\" --days 730");
    command.callback([options, &chosen] { chosen = [options] { return keygen(*options); }; });
}

}  // namespace cutover
