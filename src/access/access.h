#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "access/caller.h"
#include "base/error.h"
#include "base/log.h"
#include "model/security_config.h"

namespace cutover {

// Who may do what on this device, and the account of what they did. Any thread may call it.
class Access {
public:
    // `folder` is the device's: its users and its audit log lie in access/. What changes there is
    // seen at the next call, by the files' times.
    static Result<std::unique_ptr<Access>> open(const std::filesystem::path& folder,
                                                const SecurityConfig& config, Log& log);
    ~Access();
    Access(const Access&) = delete;
    Access& operator=(const Access&) = delete;

    // A password goes before a certificate, that before a local user, that before plaintext.
    // What is presented and wrong is not made good by what comes after it.
    // Takes a fifth of a second for a password that was not seen lately, and up to five when many
    // wait. access.unknown: nobody who is known, or a wrong password; access.too_many: after
    // failures; access.busy: too many wait.
    Result<Caller> identify(const Presented& presented);

    // `method` as HTTP/2 has it: "/gnoi.os.OS/Install". access.role: another role is needed.
    // A method without a row in the table needs Role::admin.
    Result<> permit(const Caller& caller, std::string_view method) const;

    // Before a call is carried out whose method changes something: should the agent be gone before
    // its end, that somebody asked for it is written down. The line's number; 0: there is none.
    std::uint64_t record_begun(const Caller& caller, std::string_view method,
                               std::string_view detail);
    // One call's end goes into the audit log, when its method changes something or it was refused.
    // `result` is "ok" or an error's id; `detail` what it was about, without secrets; `begun` what
    // record_begun() said of it.
    void record(const Caller& caller, std::string_view method, std::string_view result,
                std::string_view detail, std::uint64_t begun = 0);
    // A call by nobody who is known. Of refusals only some a second are written, the rest counted.
    void record_refusal(const Presented& presented, std::string_view method, const Error& why);

private:
    struct State;
    explicit Access(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace cutover
