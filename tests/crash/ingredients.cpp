#include "ingredients.h"

#include <chrono>
#include <filesystem>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "crypto/certificate_maker.h"
#include "crypto/signing_key.h"
#include "model/operation.h"

namespace cutover {

Result<SigningKey> make_signer(const std::filesystem::path& folder, WallTime now) {
    const auto day = std::chrono::hours(24);
    const auto authority = TRY(make_identity({.common_name = "Sweep CA",
                                              .use = CertificateUse::authority,
                                              .valid_from = now - day,
                                              .valid_until = now + day}));
    const auto signer = TRY(make_identity(
        {.common_name = "Sweep signer", .valid_from = now - day, .valid_until = now + day},
        &authority));
    TRY(make_folders(folder / "trust"));
    TRY(write_file_durably(folder / "trust/ca.crt", authority.certificate));
    return SigningKey::from_pem(signer.key, signer.certificate);
}

Request request_of(OperationKind kind) {
    Request request;
    request.kind = kind;
    request.asked_by = "sweep";
    return request;
}

Request upgrade_to(const std::string& package) {
    auto request = request_of(OperationKind::upgrade);
    request.sources = {package};
    return request;
}

}  // namespace cutover
