// Whatever is changed in a signed package, anywhere, is refused; and before it is, nothing is given
// out that is not the true content.

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "package/test_packages.h"

namespace cutover {
namespace {

using testing_packages::image_spec;
using testing_packages::read_package;
using testing_packages::Reading;
using testing_packages::Workshop;

constexpr std::size_t kShards = 8;  // run side by side

struct Tampering : testing::TestWithParam<std::size_t> {
    static const Workshop& workshop() {
        static const Workshop result;
        return result;
    }
    static const std::string& package() {
        static const std::string result = [] {
            auto spec = image_spec();
            spec.manifest.summary = "x";
            return workshop().make(spec);
        }();
        return result;
    }
    static void expect_refused(const Reading& reading, const std::string& what) {
        ASSERT_FALSE(reading.outcome) << what;
        ASSERT_TRUE(std::string_view(workshop().image).starts_with(reading.content)) << what;
        ASSERT_LT(reading.content.size(), workshop().image.size()) << what;
    }
};

TEST_P(Tampering, EveryChangedByteIsRefused) {
    ASSERT_TRUE(read_package(package()).outcome) << read_package(package()).outcome.error().text();
    auto changed = package();
    for (auto i = GetParam(); i < changed.size(); i += kShards) {
        const auto byte = static_cast<unsigned char>(package()[i]);
        // Each byte in one way, its neighbours in others: the fuzz target tries the rest.
        const std::array ways{byte ^ 0x01U, byte ^ 0x80U, byte + 1U};
        const auto value = ways[i / kShards % ways.size()] & 0xffU;
        changed[i] = static_cast<char>(value);
        expect_refused(read_package(changed),
                       "byte " + std::to_string(i) + " becomes " + std::to_string(value));
        if (HasFatalFailure()) return;
        changed[i] = package()[i];
    }
}

TEST_P(Tampering, EveryTruncationIsRefused) {
    for (auto size = GetParam(); size < package().size(); size += kShards) {
        expect_refused(read_package(package().substr(0, size)), "cut at " + std::to_string(size));
        if (HasFatalFailure()) return;
    }
}

INSTANTIATE_TEST_SUITE_P(Shards, Tampering, testing::Range(std::size_t{0}, kShards));

}  // namespace
}  // namespace cutover
