#include "doors/gnoi/silence_guard.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <stop_token>

#include <grpcpp/server_context.h>

namespace cutover::gnoi_door {
namespace {

constexpr std::chrono::milliseconds kLookAround{1000};

}  // namespace

SilenceGuard::SilenceGuard(std::chrono::milliseconds patience)
    : patience_(patience), thread_([this](const std::stop_token& stop) { work(stop); }) {}

void SilenceGuard::work(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    const auto step = std::min(kLookAround, patience_);
    while (!ending_.wait_for(lock, stop, step, [&] { return stop.stop_requested(); })) {
        const auto now = std::chrono::steady_clock::now();
        // Each stays until its step returns, which it now does.
        for (auto it = waited_for_.begin(); it != waited_for_.end() && it->first < now; ++it)
            it->second->TryCancel();
    }
}

SilenceGuard::Watch::Watch(SilenceGuard& guard, grpc::ServerContext& call) : guard_(guard) {
    const std::scoped_lock lock(guard.mutex_);
    place_ = guard.waited_for_.emplace(std::chrono::steady_clock::now() + guard.patience_, &call);
}

SilenceGuard::Watch::~Watch() {
    const std::scoped_lock lock(guard_.mutex_);
    guard_.waited_for_.erase(place_);
}

}  // namespace cutover::gnoi_door
