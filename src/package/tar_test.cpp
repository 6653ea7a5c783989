#include "package/tar.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/process.h"
#include "package/file_source.h"

namespace cutover {
namespace {

TEST(Tar, ReadsWhatItWrites) {
    const auto bytes = tar::header("payload", 3) + "abc" + std::string(509, '\0') + tar::end_mark();
    MemorySource source(bytes);
    tar::Reader reader(source);
    const auto next = reader.next().value();
    EXPECT_EQ(next.entry.name, "payload");
    EXPECT_EQ(next.entry.size, 3U);
    std::string content(3, '\0');
    ASSERT_TRUE(reader.read(std::as_writable_bytes(std::span(content))));
    EXPECT_EQ(content, "abc");
    ASSERT_TRUE(reader.read_padding(3));
    EXPECT_TRUE(reader.next().value().end);
}

TEST(Tar, SizesBeyondEightGibibytesHaveAPaxRecord) {
    for (const auto size : {std::uint64_t{077777777777}, std::uint64_t{0100000000000},
                            std::uint64_t{99'999'999'999}, std::uint64_t{1} << 47U}) {
        const auto header = tar::header("payload", size);
        EXPECT_EQ(header.size(), size > tar::kLargestPlain ? 1536U : 512U);
        MemorySource source(header);
        tar::Reader reader(source);
        const auto next = reader.next();
        ASSERT_TRUE(next) << next.error().text();
        EXPECT_EQ(next->entry.size, size);
    }
}

TEST(Tar, OtherToolsReadThePaxRecordToo) {
    const auto folder = TempFolder::create("/tmp", "tar_test").value();
    const auto path = folder.path() / "large.tar";
    const auto size = std::uint64_t{9'000'000'000};
    ASSERT_TRUE(write_file_durably(path, tar::header("payload", size)));
    std::filesystem::resize_file(path, 1536 + size + tar::padding(size) + 1024);
    const auto listed = run_process({.command = {"tar", "tvf", path.string()}});
    ASSERT_TRUE(listed);
    EXPECT_EQ(listed->exit_code, 0) << listed->output;
    EXPECT_NE(listed->output.find("9000000000"), std::string::npos) << listed->output;
}

TEST(Tar, AnyOtherHeaderIsRefused) {
    const auto header = tar::header("payload", std::uint64_t{9'000'000'000});
    for (std::size_t i = 0; i < header.size(); ++i) {
        for (const unsigned change : {0x01U, 0x80U}) {
            auto changed = header;
            changed[i] = static_cast<char>(static_cast<unsigned char>(changed[i]) ^ change);
            MemorySource source(changed);
            tar::Reader reader(source);
            const auto next = reader.next();
            // Another size is another header; that the content has it, nobody can know here.
            if (next) {
                EXPECT_NE(tar::header(next->entry.name, next->entry.size), header) << i;
                EXPECT_EQ(tar::header(next->entry.name, next->entry.size), changed) << i;
            }
        }
    }
}

}  // namespace
}  // namespace cutover
