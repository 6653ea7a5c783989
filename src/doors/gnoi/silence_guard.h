#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <stop_token>
#include <thread>

namespace grpc {
class ServerContext;
}

namespace cutover::gnoi_door {

// Ends the calls of clients that neither send nor read for so long: their places are for others.
class SilenceGuard {
public:
    explicit SilenceGuard(std::chrono::milliseconds patience);

    // `step` reads or writes a message of that call; false when it is cancelled meanwhile.
    template <typename Step>
    bool within(grpc::ServerContext& call, const Step& step) {
        const Watch watch(*this, call);
        return step();
    }

private:
    using Time = std::chrono::steady_clock::time_point;
    class Watch {
    public:
        Watch(SilenceGuard& guard, grpc::ServerContext& call);
        ~Watch();
        Watch(const Watch&) = delete;
        Watch& operator=(const Watch&) = delete;

    private:
        SilenceGuard& guard_;
        std::multimap<Time, grpc::ServerContext*>::iterator place_;
    };
    void work(const std::stop_token& stop);

    const std::chrono::milliseconds patience_;
    std::mutex mutex_;
    std::condition_variable_any ending_;
    std::multimap<Time, grpc::ServerContext*> waited_for_;  // until when
    std::jthread thread_;
};

}  // namespace cutover::gnoi_door
