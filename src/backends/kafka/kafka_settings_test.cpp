#include "backends/kafka/kafka_settings.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"

namespace cutover {
namespace {

TEST(KafkaSecrets, AreOneALineWithAnyValue) {
    const auto secrets = parse_secrets(
        "# for the lab\n\n sasl.username = device7\r\n"
        "sasl.password=a=b #c\nssl.key.password=");
    ASSERT_TRUE(secrets) << secrets.error().text();
    EXPECT_EQ(*secrets, (KafkaSettings{{"sasl.username", "device7"},
                                       {"sasl.password", "a=b #c"},
                                       {"ssl.key.password", ""}}));
    EXPECT_TRUE(parse_secrets("")->empty());
}

TEST(KafkaSecrets, AreNotRepeatedByAnError) {
    for (const auto* text : {"sasl.password=x\nhunter2\n", "=hunter2"}) {
        const auto secrets = parse_secrets(text);
        ASSERT_FALSE(secrets);
        EXPECT_EQ(secrets.error().id, "kafka.bad_secrets");
        EXPECT_FALSE(secrets.error().text().contains("hunter2"));
    }
}

TEST(KafkaSecrets, AreReadOnlyFromAFileThatIsClosedToOthers) {
    const auto folder = TempFolder::create(testing::TempDir(), "secrets");
    const auto file = folder->path() / "secrets";
    EXPECT_FALSE(read_secrets(file));
    ASSERT_TRUE(write_file_durably(file, "sasl.password=x\n", 0640));
    EXPECT_EQ(read_secrets(file).error().id, "kafka.bad_secrets");
    ASSERT_TRUE(write_file_durably(file, "sasl.password=x\n", 0600));
    EXPECT_EQ(read_secrets(file).value(), (KafkaSettings{{"sasl.password", "x"}}));
}

}  // namespace
}  // namespace cutover
