#include <filesystem>
#include <string>
#include <string_view>
#include <variant>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "model/generation.h"
#include "store/copy.h"
#include "store/database.h"
#include "store/store.h"

namespace cutover {
namespace {

class StoreBackup : public testing::Test {
protected:
    std::filesystem::path file() const { return folder_.path() / "device.db"; }
    std::filesystem::path copy() const { return folder_.path() / "copy.db"; }
    void run(std::string_view sql) const {
        auto database = Database::open(file()).value();
        const auto done = database.query(sql);
        EXPECT_TRUE(done) << done.error().text();
    }
    std::string value(std::string_view sql) const {
        auto database = Database::open(file()).value();
        const auto rows = database.query(sql).value();
        return rows.empty() ? "" : std::get<std::string>(rows.front().front());
    }
    Result<> restore(Store& store) const {
        TRY(store.attach_backup(copy()));
        auto done = store.transact([&] { return store.restore_configuration(); });
        store.detach_backup();
        return done;
    }

    TempFolder folder_ = TempFolder::create(testing::TempDir(), "store").value();
};

TEST_F(StoreBackup, BringsTheConfigurationBackAndNothingElse) {
    auto store = Store::open(file()).value();
    run("CREATE TABLE config_revisions(id INTEGER PRIMARY KEY, text TEXT, raw BLOB, none TEXT)");
    run("INSERT INTO config_revisions VALUES(1, 'as it was', x'00ff', NULL)");
    ASSERT_TRUE(store.transact([&] { return store.set_epoch(1); }));
    ASSERT_TRUE(copy_database(file(), copy()));
    run("UPDATE config_revisions SET text = 'changed', raw = x'01'");
    run("INSERT INTO config_revisions VALUES(2, 'new', NULL, NULL)");
    run("CREATE TABLE config_later(x TEXT)");
    run("INSERT INTO config_later VALUES('new')");
    ASSERT_TRUE(store.transact([&] { return store.set_epoch(2); }));
    const auto done = restore(store);
    ASSERT_TRUE(done) << done.error().text();
    EXPECT_EQ(value("SELECT group_concat(text) FROM config_revisions"), "as it was");
    EXPECT_EQ(value("SELECT hex(raw) || typeof(none) FROM config_revisions"), "00FFnull");
    EXPECT_EQ(value("SELECT x FROM config_later"), "") << "there was none of it then";
    EXPECT_EQ(store.epoch().value(), 2U) << "what protects from old software never goes back";
}

TEST_F(StoreBackup, MakesTheTablesOfANewDevice) {
    {
        auto old = Store::open(file()).value();
        run("CREATE TABLE config_revisions(id INTEGER PRIMARY KEY, text TEXT)");
        run("INSERT INTO config_revisions VALUES(1, 'as it was')");
        ASSERT_TRUE(copy_database(file(), copy()));
    }
    ASSERT_TRUE(remove_tree(file()));
    auto store = Store::open(file()).value();
    const auto done = restore(store);
    ASSERT_TRUE(done) << done.error().text();
    EXPECT_EQ(value("SELECT text FROM config_revisions"), "as it was");
}

TEST_F(StoreBackup, RestoresAllOrNothing) {
    auto store = Store::open(file()).value();
    run("CREATE TABLE config_a(x TEXT)");
    run("CREATE TABLE config_b(x TEXT)");
    run("INSERT INTO config_b VALUES(NULL)");
    ASSERT_TRUE(copy_database(file(), copy()));
    run("DROP TABLE config_b");
    run("CREATE TABLE config_b(x TEXT NOT NULL)");
    run("INSERT INTO config_a VALUES('now')");
    EXPECT_FALSE(restore(store));
    EXPECT_EQ(value("SELECT x FROM config_a"), "now");
}

TEST_F(StoreBackup, RefusesWhatIsNoDatabase) {
    auto store = Store::open(file()).value();
    ASSERT_TRUE(write_file_durably(copy(), std::string(5000, 'x')));
    EXPECT_FALSE(store.attach_backup(copy()));
    store.detach_backup();
    EXPECT_TRUE(store.epoch());
}

TEST_F(StoreBackup, IsCompactedWhileItIsOpen) {
    auto store = Store::open(file()).value();
    run("CREATE TABLE filler(x TEXT)");
    run("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) "
        "INSERT INTO filler SELECT hex(randomblob(100)) FROM n");
    run("DELETE FROM filler");
    const auto sizes = compact_database(file());
    ASSERT_TRUE(sizes) << sizes.error().text();
    EXPECT_GT(sizes->before, 500'000U);
    EXPECT_LT(sizes->after, 200'000U);
    EXPECT_TRUE(store.transact([&] { return store.set_epoch(3); }));
    EXPECT_EQ(store.epoch().value(), 3U);
}

}  // namespace
}  // namespace cutover
