#pragma once

// Backups whole and broken, for tests.

#include <memory>
#include <string>
#include <string_view>
#include <vector>
#include <zstd.h>

#include "backup/backup_manifest.h"
#include "base/clock.h"
#include "crypto/digest.h"
#include "model/backups.h"
#include "model/generation.h"
#include "model/version.h"
#include "package/tar.h"

namespace cutover {

inline Backup about_nos() {
    Backup about{.name = "nos-1.1.0@2026-11-21T10:02:11Z"};
    about.made = from_iso8601("2026-11-21T10:02:11Z").value();
    about.device = "edge-1";
    about.hardware = "emulated";
    about.uuid = "0f8fad5b-d9cb-469f-a165-70867728950e";
    about.agent_version = "0.1.0";
    about.base.name = "nos";
    about.base.version = Version::parse("1.1.0").value();
    about.generation = 2;
    return about;
}

struct RawMember {
    std::string name;
    std::string text;
};

inline BackupMember member_of(const RawMember& raw) {
    return {.name = raw.name, .bytes = raw.text.size(), .sha256 = to_hex(sha256(raw.text))};
}

inline std::string tar_of(const std::vector<RawMember>& members) {
    std::string tar;
    for (const auto& member : members) {
        tar += tar::header(member.name, member.text.size()) + member.text;
        tar.append(tar::padding(member.text.size()), '\0');
    }
    return tar + tar::end_mark();
}

inline std::string compressed(std::string_view text) {
    const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(),
                                                                       ZSTD_freeCCtx);
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
    std::string out(ZSTD_compressBound(text.size()), '\0');
    out.resize(ZSTD_compress2(context.get(), out.data(), out.size(), text.data(), text.size()));
    return out;
}

// As it is laid out, whatever the members are.
inline std::string backup_of(const std::string& manifest, std::vector<RawMember> members) {
    members.insert(members.begin(), {std::string(kBackupManifest), manifest});
    return compressed(tar_of(members));
}

inline const std::vector<RawMember> kSomeMembers{{"device.db", std::string(100'000, 'd')},
                                                 {"device.toml", "[device]\nname = \"edge-1\"\n"},
                                                 {"trust/ca.crt", "certificate"}};

inline std::string manifest_of(const std::vector<RawMember>& members) {
    auto about = about_nos();
    for (const auto& member : members) about.members.push_back(member_of(member));
    return to_json(about);
}

}  // namespace cutover
