#include "access/audit_log.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <ios>
#include <memory>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "access/audit_files.h"
#include "access/audit_line.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/log.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSmall = 1500;  // bytes of a file: four or five lines

AuditEntry entry(int number) {
    return {.time = "2026-11-22T10:00:00Z",
            .who = "alice",
            .proof = "password",
            .from = "ipv4:192.0.2.1:40312",
            .role = "operator",
            .method = "/gnoi.os.OS/Install",
            .result = "ok",
            .detail = fmt::format("nos {}", number)};
}

class AuditLogTest : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(temp_);
        log_ = *Log::open({.to_stderr = false, .json_file = temp_->path() / "log"});
    }
    fs::path device() const { return temp_->path(); }
    fs::path head() const { return device() / "access" / "audit.head"; }

    std::unique_ptr<AuditLog> open(std::size_t max_file = AuditLog::kMaxFile) {
        auto audit = std::make_unique<AuditLog>(device(), *log_, clock_, max_file);
        audit->open();
        return audit;
    }
    void write_lines(int count, std::size_t max_file = AuditLog::kMaxFile) {
        const auto audit = open(max_file);
        for (int i = 0; i < count; ++i) audit->append(entry(i));
    }
    std::string problem() const {
        const auto report = verify_audit_log(device());
        if (!report) return report.error().text();
        if (!report->problem) return "";
        return fmt::format("{}:{}: {}", report->problem->file, report->problem->line,
                           report->problem->what);
    }
    std::vector<std::string> details() const {
        std::vector<std::string> found;
        const auto lines = last_audit_lines(device(), 1000);
        EXPECT_TRUE(lines);
        for (const auto& line : *lines)
            found.push_back(line.parsed ? line.parsed->entry.detail : "?");
        return found;
    }
    std::string results() const {
        std::string found;
        const auto lines = last_audit_lines(device(), 1000);
        EXPECT_TRUE(lines);
        for (const auto& line : *lines)
            found += (line.parsed ? line.parsed->entry.result : "?") + " ";
        return found;
    }
    std::string log_text() const { return *read_file(temp_->path() / "log", 100'000); }

    static std::string text_of(const fs::path& path) { return *read_file(path, 10'000'000); }
    static void put(const fs::path& path, std::string_view text) {
        std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
    }
    static std::vector<std::string> lines_of(const fs::path& path) {
        std::vector<std::string> lines{""};
        for (const char c : text_of(path)) {
            lines.back() += c;
            if (c == '\n') lines.emplace_back();
        }
        lines.pop_back();
        return lines;
    }
    static std::string joined(const std::vector<std::string>& lines) {
        std::string text;
        for (const auto& line : lines) text += line;
        return text;
    }
    // Oldest first.
    std::vector<fs::path> files() const {
        std::vector<fs::path> found;
        for (int number = AuditLog::kKept; number >= 0; --number)
            if (fs::exists(audit_file(device(), number)))
                found.push_back(audit_file(device(), number));
        return found;
    }

    Result<TempFolder> temp_ = TempFolder::create(testing::TempDir(), "audit");
    SystemClock clock_;
    std::unique_ptr<Log> log_;
};

TEST_F(AuditLogTest, IsWholeAndSaysWhatWasWritten) {
    write_lines(3);
    EXPECT_EQ(problem(), "");
    const auto report = verify_audit_log(device());
    EXPECT_EQ(report->lines, 3U);
    EXPECT_EQ(report->first, 1U);
    EXPECT_EQ(report->last, 3U);
    EXPECT_EQ(parse_audit_head(text_of(head()))->seq, 3U);
    const auto lines = last_audit_lines(device(), 2);
    ASSERT_TRUE(lines);
    ASSERT_EQ(lines->size(), 2U);
    EXPECT_EQ(lines->back().parsed->entry, entry(2));
    EXPECT_EQ(fs::status(audit_file(device(), 0)).permissions(),
              fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(AuditLogTest, GoesOnAcrossRestartsAndFiles) {
    for (int i = 0; i < 5; ++i) write_lines(4, kSmall);
    EXPECT_EQ(problem(), "");
    EXPECT_GT(files().size(), 3U);
    EXPECT_EQ(verify_audit_log(device())->last, 20U);
}

TEST_F(AuditLogTest, KeepsNoMoreThanItsFilesAndIsWholeStill) {
    write_lines(100, kSmall);
    EXPECT_EQ(problem(), "");
    EXPECT_EQ(files().size(), AuditLog::kKept + 1U);
    const auto report = verify_audit_log(device());
    EXPECT_EQ(report->last, 100U);
    EXPECT_GT(report->first, 1U);
}

TEST_F(AuditLogTest, TwoProcessesWriteOneChain) {
    const auto one = open(kSmall);
    const auto other = open(kSmall);
    for (int i = 0; i < 10; ++i) {
        one->append(entry(2 * i));
        other->append(entry((2 * i) + 1));
    }
    EXPECT_EQ(problem(), "");
    EXPECT_EQ(verify_audit_log(device())->last, 20U);
}

// The promise of the log: whatever is changed later is found.
TEST_F(AuditLogTest, AnyByteThatIsChangedIsFound) {
    write_lines(5, kSmall);
    auto all = files();
    ASSERT_GE(all.size(), 2U);
    all.push_back(head());
    for (const auto& file : all) {
        const auto good = text_of(file);
        for (std::size_t i = 0; i < good.size(); ++i) {
            auto changed = good;
            changed[i] = static_cast<char>(changed[i] ^ (1 << (i % 7)));
            put(file, changed);
            ASSERT_NE(problem(), "") << file << " byte " << i;
        }
        put(file, good);
    }
    EXPECT_EQ(problem(), "");
}

TEST_F(AuditLogTest, AnyLineThatIsRemovedIsFound) {
    write_lines(12, kSmall);
    for (const auto& file : files()) {
        const auto good = lines_of(file);
        for (std::size_t i = 0; i < good.size(); ++i) {
            auto fewer = good;
            fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
            put(file, joined(fewer));
            ASSERT_NE(problem(), "") << file << " line " << i;
        }
        put(file, joined(good));
    }
    EXPECT_EQ(problem(), "");
}

TEST_F(AuditLogTest, AnyTwoLinesThatAreSwappedAreFound) {
    write_lines(8, kSmall);
    for (const auto& file : files()) {
        const auto good = lines_of(file);
        for (std::size_t i = 0; i < good.size(); ++i)
            for (std::size_t j = i + 1; j < good.size(); ++j) {
                auto other = good;
                std::swap(other[i], other[j]);
                put(file, joined(other));
                ASSERT_NE(problem(), "") << file << " lines " << i << " and " << j;
            }
        put(file, joined(good));
    }
}

TEST_F(AuditLogTest, AnyPartThatIsCutOffAtAnEndIsFound) {
    write_lines(6, kSmall);
    const auto newest = audit_file(device(), 0);
    const auto good = text_of(newest);
    for (std::size_t size = 0; size < good.size(); ++size) {
        put(newest, good.substr(0, size));
        ASSERT_NE(problem(), "") << size;
    }
    put(newest, good);
    for (const auto& file : files()) {
        fs::rename(file, device() / "aside");
        EXPECT_NE(problem(), "") << file;
        fs::rename(device() / "aside", file);
    }
    fs::remove(head());
    EXPECT_NE(problem(), "");
}

TEST_F(AuditLogTest, ALineOfAnotherLogIsFound) {
    write_lines(3);
    auto lines = lines_of(audit_file(device(), 0));
    lines[1] =
        audit_line(entry(7), 2, parse_audit_line(lines[0].substr(0, lines[0].size() - 1))->hash) +
        "\n";
    put(audit_file(device(), 0), joined(lines));
    EXPECT_NE(problem().find("audit.log:3: line 2 before it was another one"), std::string::npos)
        << problem();
}

TEST_F(AuditLogTest, NamesTheFirstBadLineAndWhatIsWrong) {
    write_lines(5);
    auto lines = lines_of(audit_file(device(), 0));
    lines[2].replace(lines[2].find("alice"), 5, "bobby");
    put(audit_file(device(), 0), joined(lines));
    EXPECT_EQ(problem(), "audit.log:3: its content does not fit its hash");
}

TEST_F(AuditLogTest, WhatWasCutOffIsNotForgottenWhenTheLogGoesOn) {
    write_lines(5);
    auto lines = lines_of(audit_file(device(), 0));
    lines.resize(3);
    put(audit_file(device(), 0), joined(lines));
    write_lines(2);
    EXPECT_EQ(results(), "ok ok ok access.audit_broken ok ok ");
    EXPECT_EQ(details().at(3), "the lines 4 to 5 are missing");
    EXPECT_EQ(problem(), "audit.log:4: line 6 comes after line 3");
}

TEST_F(AuditLogTest, AHeadThatWasRemovedIsNotForgottenEither) {
    write_lines(3);
    fs::remove(head());
    write_lines(1);
    EXPECT_EQ(results(), "ok ok ok access.audit_broken ok ");
    EXPECT_NE(problem(), "");
}

TEST_F(AuditLogTest, AnUnfinishedLineIsCutOffAndThatIsSaid) {
    write_lines(2);
    const auto before = text_of(head());
    write_lines(1);
    const auto good = text_of(audit_file(device(), 0));
    const auto last = good.rfind('\n', good.size() - 2) + 1;
    for (std::size_t size = last + 1; size < good.size(); size += 13) {
        put(audit_file(device(), 0), good.substr(0, size));
        put(head(), before);  // power went before the line was told of
        EXPECT_NE(problem(), "");
        write_lines(1);
        ASSERT_EQ(problem(), "") << size;
        ASSERT_EQ(results(), "ok ok access.audit_torn ok ") << size;
        put(audit_file(device(), 0), good);
    }
}

TEST_F(AuditLogTest, ALastLineOfGarbageIsOneThatWasUnfinished) {
    write_lines(3);
    put(audit_file(device(), 0), text_of(audit_file(device(), 0)) + std::string(200, '\0') + "\n");
    write_lines(1);
    EXPECT_EQ(problem(), "");
    EXPECT_EQ(results(), "ok ok ok access.audit_torn ok ");
}

TEST_F(AuditLogTest, AnUnfinishedLineThatWasFinishedOnceIsDamage) {
    write_lines(3);
    const auto good = text_of(audit_file(device(), 0));
    put(audit_file(device(), 0), good.substr(0, good.size() - 5));
    write_lines(1);
    EXPECT_NE(problem(), "");
    EXPECT_EQ(results(), "ok ok ? access.audit_broken ok ");
}

TEST_F(AuditLogTest, AFullDiskLosesLinesAndIsToldOf) {
    write_lines(5);  // so that the log's own file has room
    const auto audit = open();
    const auto size = fs::file_size(audit_file(device(), 0));
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit full{.rlim_cur = size + 100, .rlim_max = before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
    for (int i = 5; i < 8; ++i) audit->append(entry(i));
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_EQ(fs::file_size(audit_file(device(), 0)), size);
    EXPECT_EQ(problem(), "");

    audit->append(entry(8));
    EXPECT_EQ(problem(), "");
    EXPECT_EQ(results(), "ok ok ok ok ok access.audit_lost ok ");
    EXPECT_EQ(details().at(5), "3 lines could not be written since 2026-11-22T10:00:00Z");
    const auto text = log_text();
    EXPECT_NE(text.find("without an account"), std::string::npos);
    EXPECT_EQ(text.find("without an account"), text.rfind("without an account"));
    EXPECT_NE(text.find("is written again"), std::string::npos);
}

TEST_F(AuditLogTest, AHeadThatCannotBeWrittenLosesNoLine) {
    const auto audit = open();
    audit->append(entry(0));
    fs::create_directory(device() / "access" / "audit.head.new");
    for (int i = 1; i < 4; ++i) audit->append(entry(i));
    EXPECT_EQ(problem(), "");
    EXPECT_EQ(verify_audit_log(device())->last, 4U);
    const auto text = log_text();
    EXPECT_NE(text.find("is not noted"), std::string::npos);
    EXPECT_EQ(text.find("is not noted"), text.rfind("is not noted"));
    fs::remove(device() / "access" / "audit.head.new");
    audit->append(entry(4));
    EXPECT_EQ(parse_audit_head(text_of(head()))->seq, 5U);
    EXPECT_EQ(problem(), "");
}

TEST_F(AuditLogTest, AFolderThatIsGoneIsMadeAgainAndNothingFails) {
    const auto audit = open();
    audit->append(entry(0));
    fs::remove_all(device() / "access");
    put(device() / "access", "in the way");
    audit->append(entry(1));
    fs::remove(device() / "access");
    audit->append(entry(2));
    EXPECT_EQ(results(), "access.audit_lost ok ");
}

// Power goes at every point at which something durable has just happened or is about to.
TEST_F(AuditLogTest, APowerCutLeavesItWholeWithAllThatWasToldOf) {
    write_lines(40, kSmall);  // all files are there: the next ones make the oldest go
    fs::rename(device() / "access", device() / "before");
    int cuts = 0;
    for (long point = 1;; ++point) {
        fs::remove_all(device() / "access");
        fs::copy(device() / "before", device() / "access");
        std::array<int, 2> told{};
        ASSERT_EQ(::pipe(told.data()), 0);
        const auto child = ::fork();
        if (child == 0) {
            fault_restart(point, nullptr);
            AuditLog audit(device(), *log_, clock_, kSmall);
            audit.open();
            for (int i = 0; i < 3; ++i) {
                audit.append(entry(100 + i));
                const char one = 1;
                if (::write(told[1], &one, 1) != 1) ::_exit(1);
            }
            ::_exit(0);
        }
        ::close(told[1]);
        std::size_t count = 0;
        for (char c = 0; ::read(told[0], &c, 1) == 1;) ++count;
        ::close(told[0]);
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);

        write_lines(1, kSmall);
        ASSERT_EQ(problem(), "") << "cut at " << point;
        const auto lines = details();
        for (std::size_t i = 0; i < count; ++i)
            EXPECT_NE(std::ranges::find(lines, fmt::format("nos {}", 100 + i)), lines.end())
                << "cut at " << point;
        if (WIFEXITED(status)) break;
        ++cuts;
        if (HasFailure()) return;
    }
    EXPECT_GT(cuts, 40);
}

TEST_F(AuditLogTest, LongAndStrangeTextsAreCutAndKeptPrintable) {
    auto strange = entry(0);
    strange.who = std::string(100'000, 'a');
    strange.detail = std::string(100'000, '\xff');
    strange.method = "new\nline\x1b[31m\"},{\"";
    open()->append(strange);
    EXPECT_EQ(problem(), "");
    const auto text = text_of(audit_file(device(), 0));
    EXPECT_LT(text.size(), kMaxAuditLine);
    EXPECT_EQ(text.find('\n'), text.size() - 1);
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace cutover
