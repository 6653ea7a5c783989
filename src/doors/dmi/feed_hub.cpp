#include "doors/dmi/feed_hub.h"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "model/device.h"
#include "model/event.h"

namespace cutover {
namespace {

constexpr std::size_t kMaxItems = 1024;  // of one reader
constexpr std::chrono::milliseconds kAgain{200};

}  // namespace

std::optional<FeedItem> FeedHub::Reader::take(std::chrono::milliseconds wait) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, wait, [this] { return !items_.empty(); })) return std::nullopt;
    auto item = std::move(items_.front());
    items_.pop_front();
    return item;
}

bool FeedHub::Reader::overflowed() const {
    const std::lock_guard lock(mutex_);
    return overflowed_;
}

void FeedHub::Reader::push(const FeedItem& item) {
    {
        const std::lock_guard lock(mutex_);
        const bool progress = std::holds_alternative<Progress>(item);
        if (progress && !items_.empty() && std::holds_alternative<Progress>(items_.back()))
            items_.back() = item;
        else if (items_.size() < kMaxItems)
            items_.push_back(item);
        else if (!progress)
            overflowed_ = true;
    }
    changed_.notify_all();
}

FeedHub::FeedHub(Device& device)
    : device_(device), thread_([this](const std::stop_token& stop) { work(stop); }) {}

FeedHub::~FeedHub() = default;

std::shared_ptr<FeedHub::Reader> FeedHub::subscribe() {
    auto reader = std::make_shared<Reader>();
    const std::lock_guard lock(mutex_);
    std::erase_if(readers_, [](const auto& known) { return known.expired(); });
    readers_.push_back(reader);
    return reader;
}

void FeedHub::work(const std::stop_token& stop) {
    SystemClock clock;
    const auto state = device_.state();
    auto last = state ? state->last_event : 0;
    while (!stop.stop_requested()) {
        const auto followed = device_.follow(
            {.after_sequence = last},
            [&](const FeedItem& item) {
                if (const auto* event = std::get_if<Event>(&item)) last = event->sequence;
                pass_on(item);
                return !stop.stop_requested();
            },
            stop);
        // It ends when the agent does, and then this does soon.
        if (!followed) clock.sleep(kAgain, stop);
    }
}

void FeedHub::pass_on(const FeedItem& item) {
    const std::lock_guard lock(mutex_);
    for (const auto& known : readers_)
        if (const auto reader = known.lock()) reader->push(item);
}

}  // namespace cutover
