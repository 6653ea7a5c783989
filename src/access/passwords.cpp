#include "access/passwords.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <expected>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "access/attempts.h"
#include "access/caller.h"
#include "access/errors.h"
#include "access/users.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "crypto/password_hash.h"

namespace cutover {
namespace {

constexpr std::chrono::seconds kPatience{5};
constexpr std::string_view kWrong = "user name or password is wrong";  // and not which

// Another text whenever the file may have another content.
std::string stamp_of(const std::filesystem::path& file) {
    struct stat status{};
    if (::stat(file.c_str(), &status) != 0) return "none";
    return fmt::format("{} {} {} {}.{} {}.{}", status.st_ino, status.st_size, status.st_mode,
                       status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec,
                       status.st_ctim.tv_nsec);
}

}  // namespace

struct Passwords::Question {
    const Presented& presented;
    User user;  // where `known`
    bool known = false;
    std::string name_key;  // empty: not counted by name
    std::string address_key;
    Digest code;  // of user, password and address together
};

Passwords::Passwords(std::filesystem::path device, Log& log, const ProcessKey& key)
    : device_(std::move(device)), log_(log), key_(key) {}

std::size_t Passwords::checked() const {
    const std::scoped_lock lock(mutex_);
    return checked_;
}

Result<Caller> Passwords::identify(const Presented& presented, SteadyTime now) {
    std::unique_lock lock(mutex_);
    reload();
    const auto question = question_of(presented);
    if (remembered(question, now)) return answer(question);
    TRY(not_too_many(question, now));
    TRY(wait_for_turn(lock));
    // While it waited, the same may have been answered for another call, or failed too often.
    const auto begin = [&]() -> Result<bool> {
        if (remembered(question, now)) return true;
        TRY(not_too_many(question, now));
        if (!question.name_key.empty()) names_.count(question.name_key, now);
        addresses_.count(question.address_key, now);
        return false;
    };
    const auto begun = begin();
    if (!begun || *begun) {
        --checking_;
        turn_.notify_one();
        if (!begun) return std::unexpected(begun.error());
        return answer(question);
    }
    ++checked_;
    lock.unlock();
    const bool right = question.user.password.matches(presented.password) && question.known;
    lock.lock();
    --checking_;
    turn_.notify_one();
    if (!right) return fail(errors::access_unknown, "{}", kWrong);
    if (!question.name_key.empty()) names_.take_back(question.name_key);
    addresses_.take_back(question.address_key);
    remember(question, now);
    return answer(question);
}

// Whoever comes over a unix socket is counted by the kernel's word for them, so that nobody outside
// can lock them out, nor they each other.
Passwords::Question Passwords::question_of(const Presented& presented) {
    const auto name = presented.user.value_or("");
    Question question{.presented = presented,
                      .user = {.password = PasswordHash::of_nobody()},
                      .name_key = is_user_name(name) ? name : "?",
                      .address_key = address_key(presented.from)};
    if (presented.local_user) {
        question.name_key.clear();
        question.address_key = fmt::format("uid {}", *presented.local_user);
    }
    const auto found = std::ranges::find(users_, name, &User::name);
    if (found == users_.end()) return question;
    question.user = *found;
    question.known = true;
    // The hash is in it, so that a new password makes the old one unknown at once. None of the
    // others has a line break.
    question.code = key_.code_of(fmt::format("{}\n{}\n{}\n{}", name, question.user.password.text(),
                                             question.address_key, presented.password));
    return question;
}

// As the users are now: one may have been removed while the password was being checked.
Result<Caller> Passwords::answer(const Question& question) {
    reload();
    const auto found = std::ranges::find(users_, question.user.name, &User::name);
    if (found == users_.end() || found->password != question.user.password)
        return fail(errors::access_unknown, "{}", kWrong);
    return Caller{.name = found->name,
                  .proof = Proof::password,
                  .from = question.presented.from,
                  .role = found->role};
}

Result<> Passwords::not_too_many(const Question& question, SteadyTime now) const {
    const bool address = addresses_.refused(question.address_key, now);
    if (!address && !names_.refused(question.name_key, now)) return {};
    return fail(errors::access_too_many, "{} wrong passwords came {} in {}", Attempts::kMost,
                address ? "from this address" : "for this user", human_duration(Attempts::kWindow));
}

Result<> Passwords::wait_for_turn(std::unique_lock<std::mutex>& lock) {
    const auto busy = [&] {
        return fail(errors::access_busy, "{} passwords are being checked, {} wait", checking_,
                    waiting_);
    };
    if (checking_ >= kAtATime) {
        if (waiting_ >= kMaxWaiting) return busy();
        ++waiting_;
        const bool mine = turn_.wait_for(lock, kPatience, [&] { return checking_ < kAtATime; });
        --waiting_;
        if (!mine) return busy();
    }
    ++checking_;
    return {};
}

// A user who is remembered at an address is let in while the name is refused to others: so nobody
// elsewhere can lock them out. An address that is refused is refused to all.
bool Passwords::remembered(const Question& question, SteadyTime now) {
    if (!question.known || addresses_.refused(question.address_key, now)) return false;
    const auto found = remembered_.find(question.code);
    if (found == remembered_.end()) return false;
    if (now < found->second) return true;
    remembered_.erase(found);
    return false;
}

void Passwords::remember(const Question& question, SteadyTime now) {
    std::erase_if(remembered_, [&](const auto& each) { return each.second <= now; });
    if (remembered_.size() >= kMaxRemembered)
        remembered_.erase(std::ranges::min_element(remembered_, {},
                                                   [](const auto& each) { return each.second; }));
    remembered_[question.code] = now + kRemembered;
}

void Passwords::reload() {
    auto stamp = stamp_of(device_ / "access" / "users.json");
    if (stamp == stamp_) return;
    auto loaded = load_users(device_);
    if (!loaded)
        log_.error("no user comes in by a password", {{"error", loaded.error().id},
                                                      {"text", loaded.error().text()},
                                                      {"remedy", loaded.error().remedy}});
    users_ = loaded ? *std::move(loaded) : std::vector<User>{};
    stamp_ = std::move(stamp);
}

}  // namespace cutover
