#include "package/package_signer.h"

#include <cstdint>
#include <filesystem>

#include "base/clock.h"
#include "base/error.h"
#include "crypto/signing_key.h"
#include "package/file_source.h"
#include "package/package_reader.h"
#include "package/partial_file.h"
#include "package/self_extractor.h"
#include "package/tar.h"

namespace cutover {

Result<> sign_package(const std::filesystem::path& input, const std::filesystem::path& output,
                      const SigningKey& key, WallTime signing_time) {
    auto source = TRY(FileSource::open(input));
    auto reader = TRY(PackageReader::open_unverified(source), "{}", input.string());
    TRY(verify_payload(reader), "{}", input.string());
    const auto signature = TRY(key.sign(reader.manifest_text(), signing_time));

    const auto& old = reader.signature();
    const auto script = reader.self_extracting() ? self_extractor().size() : 0;
    const std::uint64_t manifest_at =
        script + (old.empty() ? 0 : tar::kBlock + old.size() + tar::padding(old.size()));
    auto signed_file = TRY(PartialFile::create(output, ".partial"));
    if (reader.self_extracting()) {
        TRY(signed_file.write(self_extractor()));
        TRY(signed_file.make_executable());
    }
    TRY(signed_file.write_member("manifest.sig", signature));
    TRY(signed_file.copy_from(source.fd(), manifest_at, input.string()));
    return signed_file.commit();
}

}  // namespace cutover
