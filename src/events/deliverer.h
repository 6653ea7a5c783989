#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "events/event_sink.h"
#include "store/database.h"
#include "store/outbox.h"

namespace cutover {

// What is known of the delivery of events, as of its last attempt.
struct DeliveryStatus {
    OutboxCounts counts;
    bool arrives = false;                   // the last attempt was acknowledged
    std::optional<WallTime> failing_since;  // and every attempt has failed since then
    std::string reason;                     // of the last failure; empty when none
};

// Takes events from the outbox to a sink, on a thread of its own: at least once, and in order. What
// was acknowledged is forgotten. A sink that fails is tried again for ever; meanwhile the events
// wait, and nobody waits for them.
class Deliverer {
public:
    struct Options {
        int batch = 500;
        std::chrono::milliseconds first_pause{500};  // after a failure; twice as long each time
        std::chrono::milliseconds longest_pause{std::chrono::seconds(5)};
    };

    // On the store's database, which Store::open() has prepared. `clock` and `log` outlive it.
    static Result<std::unique_ptr<Deliverer>> start(const std::filesystem::path& database,
                                                    SinkOpener open, Clock& clock, Log& log,
                                                    const Options& options);
    static Result<std::unique_ptr<Deliverer>> start(const std::filesystem::path& database,
                                                    SinkOpener open, Clock& clock, Log& log);
    ~Deliverer();  // soon, whatever the sink does; what waits is delivered by the next one
    Deliverer(const Deliverer&) = delete;
    Deliverer& operator=(const Deliverer&) = delete;

    // There is something new. From any thread, and at once.
    void wake();
    DeliveryStatus status() const;

private:
    Deliverer(Database database, SinkOpener open, Clock& clock, Log& log, const Options& options);

    void work(const std::stop_token& stop);
    Result<bool> deliver(const std::stop_token& stop);
    Result<Published> publish(const std::stop_token& stop);
    Result<> look();
    void note_success();
    void note_failure(const Error& error);
    void rest(std::chrono::milliseconds longest, bool until_woken, const std::stop_token& stop);

    Database database_;  // of the thread; so are all up to the mutex
    SinkOpener open_;
    Clock& clock_;
    Log& log_;
    Options options_;
    std::unique_ptr<EventSink> sink_;
    std::chrono::milliseconds pause_{0};
    std::chrono::milliseconds silence_{0};  // until the next line of the log on the same failure
    SteadyTime told_{};

    mutable std::mutex mutex_;  // guards all below
    std::condition_variable_any changed_;
    bool woken_ = false;
    DeliveryStatus status_;

    std::jthread thread_;  // last: it uses all above
};

}  // namespace cutover
