#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "access/access.h"
#include "base/error.h"
#include "base/log.h"
#include "doors/outer/listener.h"
#include "model/security_config.h"

namespace grpc {
class Service;
}

namespace cutover {

// What every door is: an address, limits, who may come in, and a gRPC server behind that.
class OuterServer {
public:
    struct Limits {
        int max_connections = 64;
        int max_streams_per_connection = 128;
        int max_threads = 256;  // calls at work at a time
        int max_metadata_bytes = 16 * 1024;
        std::chrono::milliseconds handshake{std::chrono::seconds(10)};
        std::chrono::milliseconds first_call{std::chrono::seconds(30)};  // to be let in
        std::chrono::milliseconds shutdown{2000};  // for calls at work to end by themselves
    };
    struct Options {
        std::string name;  // "dmi": the door of [doors.dmi]
        Limits limits;
        bool reflection = false;
        // Callers without any proof come in with this role, where there is no TLS.
        std::optional<Role> plaintext;
        std::filesystem::path folder;  // the device's
        SecurityConfig security;
    };

    // [doors.NAME] listen. TCP speaks TLS when there is a certificate, and else is refused unless
    // there is `plaintext` (door.plaintext). Also fails with door.address, door.certificate and
    // door.key_open. Services, `access` and `log` outlive it.
    static Result<std::unique_ptr<OuterServer>> listen(const std::string& listen, Options options,
                                                       const std::vector<grpc::Service*>& services,
                                                       Access& access, Log& log);
    // At a unix socket that is there. Without `access` everybody may do everything.
    static Result<std::unique_ptr<OuterServer>> serve(Listener listener, const Options& options,
                                                      const std::vector<grpc::Service*>& services,
                                                      Access* access);

    // Nobody comes in any more; calls go on.
    void close();
    // close(), and after the time for it ends what is still at work.
    ~OuterServer();
    OuterServer(const OuterServer&) = delete;
    OuterServer& operator=(const OuterServer&) = delete;

    const std::string& address() const;  // with the port that was free

private:
    struct Running;
    explicit OuterServer(std::unique_ptr<Running> running);
    static Result<std::unique_ptr<OuterServer>> start(Listener listener,
                                                      std::unique_ptr<Running> running,
                                                      const std::vector<grpc::Service*>& services,
                                                      Access* access);

    std::unique_ptr<Running> running_;
};

}  // namespace cutover
