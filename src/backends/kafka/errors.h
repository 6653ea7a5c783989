#pragma once

#include "base/error.h"

namespace cutover::errors {

inline constexpr ErrorInfo kafka_bad_setting{
    .id = "kafka.bad_setting",
    .kind = Errc::invalid,
    .meaning = "librdkafka does not take a setting of [events.kafka].",
    .remedy =
        "Correct it in device.toml, or in the file of secrets, and restart the agent; names "
        "and values are those of librdkafka's CONFIGURATION.md."};
inline constexpr ErrorInfo kafka_bad_secrets{
    .id = "kafka.bad_secrets",
    .kind = Errc::invalid,
    .meaning = "The file of secrets for Kafka cannot be used.",
    .remedy = "Let it hold one `name=value` a line and be readable by the agent only (chmod 600)."};
inline constexpr ErrorInfo kafka_unreachable{
    .id = "kafka.unreachable",
    .kind = Errc::unavailable,
    .meaning = "No broker of Kafka acknowledges events. They wait on the device.",
    .remedy =
        "Check the brokers, the network, and `brokers` in [events.kafka]; what waits is "
        "delivered as soon as one answers."};
inline constexpr ErrorInfo kafka_refused{
    .id = "kafka.refused",
    .kind = Errc::refused,
    .meaning = "Kafka does not take the events. They wait on the device.",
    .remedy = "Check that the topic is there and that the device may write to it."};

}  // namespace cutover::errors
