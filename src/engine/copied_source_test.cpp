#include "engine/copied_source.h"

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/byte_source.h"
#include "base/error.h"
#include "base/files.h"

namespace cutover {
namespace {

class Letters final : public ByteSource {
public:
    explicit Letters(std::size_t count) : left_(count) {}
    Result<std::size_t> read(std::span<std::byte> buffer) override {
        std::size_t got = 0;
        for (; got < buffer.size() && left_ > 0; ++got, --left_) buffer[got] = std::byte{'a'};
        return got;
    }

private:
    std::size_t left_;
};

class CopiedSourceTest : public testing::Test {
protected:
    void open(const std::filesystem::path& copy) {
        source_.emplace(std::make_unique<Letters>(100), copy);
    }
    std::size_t read(std::size_t wanted) {
        std::vector<std::byte> buffer(wanted);
        return source_->read(buffer).value();
    }

    TempFolder folder_ = TempFolder::create(testing::TempDir(), "copied-").value();
    std::filesystem::path copy_ = folder_.path() / "copy";
    std::optional<CopiedSource> source_;
};

TEST_F(CopiedSourceTest, WhatWasReadToItsEndIsKept) {
    open(copy_);
    EXPECT_EQ(read(60), 60U);
    EXPECT_EQ(read(40), 40U);
    EXPECT_EQ(read(1), 0U);
    EXPECT_TRUE(source_->end());
    source_.reset();
    EXPECT_EQ(read_file(copy_, 1000).value(), std::string(100, 'a'));
}

TEST_F(CopiedSourceTest, HalfACopyIsNone) {
    open(copy_);
    EXPECT_EQ(read(60), 60U);
    EXPECT_FALSE(source_->end());
    source_.reset();
    EXPECT_FALSE(std::filesystem::exists(copy_));
}

TEST_F(CopiedSourceTest, ACopyThatCannotBeWrittenKeepsNobodyFromReading) {
    open(folder_.path() / "missing" / "copy");
    EXPECT_EQ(read(200), 100U);
    EXPECT_FALSE(source_->end());
}

}  // namespace
}  // namespace cutover
