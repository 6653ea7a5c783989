#include "doors/native/backup_service.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/error.h"
#include "cutover/v1/backup.pb.h"
#include "doors/native/convert_backup.h"
#include "doors/outer/method_rows.h"
#include "model/backups.h"
#include "model/package_kind.h"

namespace cutover {
namespace {

Backup a_backup() {
    Backup backup{.name = "nos-1.1.0@2026-11-21T10:02:11Z"};
    backup.made = from_iso8601("2026-11-21T10:02:11Z").value();
    backup.automatic = true;
    backup.device = "edge-1";
    backup.hardware = "emulated";
    backup.uuid = "0f8fad5b";
    backup.agent_version = "0.1.0";
    backup.base.name = "nos";
    backup.packages.push_back({.kind = PackageKind::feature, .name = "web", .digest = "aa"});
    backup.generation = 3;
    backup.update_level = 2;
    backup.members.push_back({.name = "device.db", .bytes = 10, .sha256 = "bb"});
    backup.bytes = 34'000;
    backup.problem = "none";
    return backup;
}

TEST(BackupService, EveryMethodHasARoleOfItsOwn) {
    const auto& file = *v1::Backup::descriptor()->file();
    ASSERT_GT(file.service_count(), 0);
    EXPECT_THAT(methods_without_row(file), testing::IsEmpty());
}

TEST(BackupService, BringsValuesOverWhole) {
    const auto back = wire::to_model(wire::from(a_backup()));
    ASSERT_TRUE(back) << back.error().text();
    EXPECT_EQ(*back, a_backup());
    const Compaction compaction{
        .bytes_before = 3, .bytes_after = 2, .pruned = {.names = {"a", "b"}, .bytes = 5}};
    EXPECT_EQ(wire::to_model(wire::from(compaction)), compaction);
}

TEST(BackupService, RefusesABaseWithoutAVersion) {
    auto sent = wire::from(a_backup());
    sent.mutable_base()->set_version("none");
    EXPECT_FALSE(wire::to_model(sent));
}

}  // namespace
}  // namespace cutover
