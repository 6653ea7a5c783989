#include "doors/gnoi/system_service.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "base/byte_pipe.h"
#include "base/error.h"
#include "base/files.h"
#include "doors/gnoi/door_context.h"
#include "doors/gnoi/errors.h"
#include "doors/gnoi/following.h"
#include "doors/gnoi/hashing.h"
#include "doors/gnoi/remote_url.h"
#include "gnoi/system/system.pb.h"
#include "model/device.h"
#include "model/operation.h"

namespace cutover::gnoi_door {
namespace {

using Part = ::gnoi::system::SetPackageRequest;

constexpr std::size_t kPartBytes = std::size_t{64} * 1024;
constexpr std::size_t kMaxVersionBytes = 200;

grpc::Status told(const Result<>& done) {
    return done ? grpc::Status::OK : status_of(done.error());
}

// The parts that follow; `part` is the first. The end is passed on only once the hash is right.
// `next` takes the next one.
Result<> feed_parts(const std::function<bool()>& next, const Part& part, BytePipe& pipe) {
    AllHashes hashes;
    do {
        if (part.has_hash()) {
            if (!hashes.has(part.hash()))
                return fail(errors::gnoi_wrong_hash, "the hash is not that of what has arrived");
            pipe.finish();
            return {};
        }
        if (!part.has_contents())
            return fail(errors::gnoi_bad_request, "`contents` and one `hash` follow `package`");
        hashes.add(part.contents());
        // When nobody reads any more, what the operation says counts.
        if (!pipe.write(std::as_bytes(std::span(part.contents())))) return {};
    } while (next());
    return fail(errors::gnoi_wrong_hash, "the client ended without a hash");
}

}  // namespace

grpc::Status SystemService::Time(grpc::ServerContext* /*call*/,
                                 const ::gnoi::system::TimeRequest* /*request*/,
                                 ::gnoi::system::TimeResponse* reply) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto count = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
    reply->set_time(static_cast<std::uint64_t>(count));
    return grpc::Status::OK;
}

grpc::Status SystemService::Reboot(grpc::ServerContext* call,
                                   const ::gnoi::system::RebootRequest* request,
                                   ::gnoi::system::RebootResponse* /*reply*/) {
    return told(reboots_.ask(*request, asker(*call)));
}

grpc::Status SystemService::RebootStatus(grpc::ServerContext* /*call*/,
                                         const ::gnoi::system::RebootStatusRequest* /*request*/,
                                         ::gnoi::system::RebootStatusResponse* reply) {
    reboots_.tell(*reply);
    return grpc::Status::OK;
}

grpc::Status SystemService::CancelReboot(grpc::ServerContext* /*call*/,
                                         const ::gnoi::system::CancelRebootRequest* /*request*/,
                                         ::gnoi::system::CancelRebootResponse* /*reply*/) {
    reboots_.cancel();
    return grpc::Status::OK;
}

grpc::Status SystemService::SetPackage(grpc::ServerContext* call, PackageReader* reader,
                                       ::gnoi::system::SetPackageResponse* /*reply*/) {
    const StreamPlace place(door_);
    if (!place) return too_many_streams();
    return told(set_package(*call, *reader));
}

Result<> SystemService::set_package(grpc::ServerContext& call, PackageReader& reader) {
    const auto by = asker(call);
    Part part;
    const auto next = [&] {
        return door_.silence.within(call, [&] { return reader.Read(&part); });
    };
    if (!next() || !part.has_package())
        return fail(errors::gnoi_bad_request, "a SetPackage begins with `package`");
    const auto package = part.package();
    if (package.version().size() > kMaxVersionBytes)
        return fail(errors::gnoi_bad_request, "the version is too long");
    Request request{.kind = OperationKind::install,
                    .only_base = WantedBase{.version = package.version(), .not_running = true},
                    .asked_by = by};
    if (next()) {
        TRY(install_from(request, [&](BytePipe& pipe) { return feed_parts(next, part, pipe); }));
    } else if (package.has_remote_download()) {
        request.sources = {TRY(remote_url(package.remote_download()))};
        TRY(install(request));
    } else {
        TRY(install_from(request,
                         [&](BytePipe& pipe) { return feed_file(package.filename(), pipe); }));
    }
    if (!package.activate()) return {};
    return until_restart(
        door_, {.kind = OperationKind::activate, .mode = Mode::next_startup, .asked_by = by});
}

Result<> SystemService::install(const Request& request) {
    const auto operation = TRY(until_over(door_, TRY(door_.device.start(request))));
    if (operation.state == OperationState::done) return {};
    return std::unexpected(failure_of(operation));
}

// `feed` writes all there is, and finishes the pipe; with an error there is no more.
Result<> SystemService::install_from(const Request& request, const Feed& feed) {
    const auto pipe = std::make_shared<BytePipe>();
    const auto id = TRY(door_.device.start_streamed(request, pipe));
    const std::stop_callback on_end(door_.ending.get_token(), [&] {
        pipe->give_up(make_error(Errc::unavailable, "the agent ends"));
    });
    auto fed = feed(*pipe);
    if (!fed) pipe->give_up(fed.error());
    const auto operation = TRY(until_over(door_, id));
    if (!fed) return fed;
    if (operation.state == OperationState::done) return {};
    return std::unexpected(failure_of(operation));
}

// A file that is on the device already is taken as if it were sent.
Result<> SystemService::feed_file(const std::string& path, BytePipe& pipe) const {
    if (files_ == nullptr) return fail(Errc::not_found, "clients see no files of this device");
    const auto file = TRY(files_->get(path));
    std::vector<std::byte> buffer(kPartBytes);
    for (;;) {
        const auto count = TRY(read_up_to(file.get(), buffer, path));
        if (!pipe.write(std::span(buffer).first(count))) return {};
        if (count < buffer.size()) break;
    }
    pipe.finish();
    return {};
}

}  // namespace cutover::gnoi_door
