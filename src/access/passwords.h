#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/attempts.h"
#include "access/caller.h"
#include "access/users.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "crypto/password_hash.h"

namespace cutover {

// Who has which password. Any thread may ask; checking one takes a tenth of a second and 32 MiB, so
// two are checked at a time, and one that was right is known again for a while.
class Passwords {
public:
    static constexpr std::chrono::minutes kRemembered{5};
    static constexpr std::size_t kMaxRemembered = 256;
    static constexpr int kAtATime = 2;
    static constexpr int kMaxWaiting = 16;

    Passwords(std::filesystem::path device, Log& log, const ProcessKey& key);

    // `presented` has a user. access.unknown, access.too_many, access.busy.
    Result<Caller> identify(const Presented& presented, SteadyTime now);

    std::size_t checked() const;  // how often it took the long way

private:
    struct Question;
    Question question_of(const Presented& presented);
    Result<Caller> answer(const Question& question);
    Result<> not_too_many(const Question& question, SteadyTime now) const;
    Result<> wait_for_turn(std::unique_lock<std::mutex>& lock);
    bool remembered(const Question& question, SteadyTime now);
    void remember(const Question& question, SteadyTime now);
    void reload();

    std::filesystem::path device_;
    Log& log_;
    ProcessKey key_;
    mutable std::mutex mutex_;
    std::condition_variable turn_;
    int checking_ = 0;
    int waiting_ = 0;
    std::size_t checked_ = 0;
    std::string stamp_;  // of the file that users_ were read from
    std::vector<User> users_;
    std::map<Digest, SteadyTime> remembered_;  // until when
    Attempts names_;
    Attempts addresses_;
};

}  // namespace cutover
