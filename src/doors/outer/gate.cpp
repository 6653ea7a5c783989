#include "doors/outer/gate.h"

#include <cstddef>
#include <expected>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "access/access.h"
#include "access/caller.h"
#include "base/error.h"
#include "doors/outer/errors.h"
#include "model/security_config.h"

namespace cutover {
namespace {

constexpr int kThreads = 2;  // a password takes a tenth of a second, and 32 MiB
constexpr std::size_t kMaxWaiting = 64;
constexpr std::size_t kMaxUserBytes = 256;
constexpr std::size_t kMaxPasswordBytes = 1024;

bool too_long(const Question& question) {
    return question.user &&
           (question.user->size() > kMaxUserBytes || question.password.size() > kMaxPasswordBytes);
}

}  // namespace

Gate::Gate(Access* access, std::optional<Role> plaintext) : access_(access), plaintext_(plaintext) {
    for (int i = 0; i < kThreads; ++i)
        threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
}

Gate::~Gate() { close(); }

void Gate::close() {
    {
        const std::scoped_lock lock(mutex_);
        closed_ = true;
    }
    threads_.clear();
    for (auto& job : std::exchange(jobs_, {}))
        job.answer(fail(errors::door_closing, "the agent is ending"));
}

void Gate::enter(Place& place, Peer peer) {
    const std::scoped_lock lock(mutex_);
    connections_.erase(std::exchange(place.connection, nullptr));
    place.peer = std::move(peer);
}

bool Gate::proven(const Place& place) const {
    const std::scoped_lock lock(mutex_);
    return place.connection != nullptr;
}

void Gate::ask(Place& place, Question question, Answer answer) {
    if (!access_ || !question.user || question.unclear || too_long(question)) {
        answer(judge(place, question));
        return;
    }
    bool closed = false;
    {
        const std::scoped_lock lock(mutex_);
        closed = closed_;
        if (!closed && jobs_.size() < kMaxWaiting) {
            jobs_.push_back({place, std::move(question), std::move(answer)});
            waiting_.notify_one();
            return;
        }
    }
    answer(closed ? fail(errors::door_closing, "the agent is ending")
                  : fail(errors::door_busy, "{} passwords wait already", kMaxWaiting));
}

void Gate::work(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (waiting_.wait(lock, stop, [&] { return !jobs_.empty(); }) && !stop.stop_requested()) {
        const auto job = std::move(jobs_.front());
        jobs_.pop_front();
        lock.unlock();
        job.answer(judge(job.place, job.question));
        lock.lock();
    }
}

Result<> Gate::judge(Place& place, const Question& question) {
    Presented presented{.certificate_names = question.certificate_names, .plaintext = plaintext_};
    {
        const std::scoped_lock lock(mutex_);
        if (closed_) return fail(errors::door_closing, "the agent is ending");
        presented.from = place.peer.from;
        presented.local_user = place.peer.user;
    }
    if (!access_) {
        admit(place, question, {.name = "local", .from = presented.from, .role = Role::admin});
        return {};
    }
    if (question.unclear || too_long(question))
        return refuse(presented, question.method,
                      make_error(errors::door_unclear_user, "whose call it is, is unclear"));
    presented.user = question.user;
    presented.password = question.password;
    const auto caller = access_->identify(presented);
    presented.password.clear();
    if (!caller) return refuse(presented, question.method, caller.error());
    auto permitted = access_->permit(*caller, question.method);
    if (!permitted) {
        access_->record(*caller, question.method, permitted.error().id, {});
        return permitted;
    }
    admit(place, question, *caller);
    return {};
}

Result<> Gate::refuse(const Presented& presented, const std::string& method, const Error& why) {
    access_->record_refusal(presented, method, why);
    return std::unexpected(why);
}

void Gate::admit(Place& place, const Question& question, const Caller& caller) {
    const std::scoped_lock lock(mutex_);
    place.connection = question.connection;
    connections_[question.connection].callers[question.user.value_or("")] = caller;
}

std::optional<Caller> Gate::caller(const grpc_auth_context* connection,
                                   const std::string& user) const {
    const std::scoped_lock lock(mutex_);
    const auto found = connections_.find(connection);
    if (found == connections_.end()) return std::nullopt;
    const auto named = found->second.callers.find(user);
    if (named == found->second.callers.end()) return std::nullopt;
    return named->second;
}

}  // namespace cutover
