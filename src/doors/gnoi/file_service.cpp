#include "doors/gnoi/file_service.h"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <system_error>

#include <fmt/core.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>
#include <grpcpp/support/sync_stream.h>

#include "base/error.h"
#include "base/files.h"
#include "doors/gnoi/door_context.h"
#include "doors/gnoi/errors.h"
#include "doors/gnoi/hashing.h"
#include "gnoi/file/file.pb.h"
#include "gnoi/types/types.pb.h"

namespace cutover::gnoi_door {
namespace {

constexpr std::size_t kPartBytes = 64'000;
constexpr mode_t kUsualMode = 0644;

// gNOI writes the digits of an octal mode as a decimal number: 775 is rwxrwxr-x.
Result<mode_t> mode_of(std::uint32_t digits) {
    if (digits == 0) return kUsualMode;
    const auto text = std::to_string(digits);
    mode_t mode = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
    constexpr mode_t kMost = 0777;
    if (problem != std::errc{} || end != text.data() + text.size() || mode > kMost)
        return fail(errors::gnoi_bad_request, "permissions are three octal digits: {}", digits);
    return mode;
}

std::uint32_t digits_of(mode_t mode) {
    std::uint32_t digits = 0;
    const auto text = fmt::format("{:o}", mode);
    std::from_chars(text.data(), text.data() + text.size(), digits);
    return digits;
}

// umask(2) cannot be asked without being changed.
std::uint32_t umask_digits() {
    constexpr std::size_t kMaxStatus = std::size_t{64} * 1024;
    constexpr std::string_view kKey = "\nUmask:\t";
    const auto status = read_file("/proc/self/status", kMaxStatus);
    const auto at = status ? status->find(kKey) : std::string::npos;
    if (at == std::string::npos) return 0;
    std::uint32_t digits = 0;
    const auto text = std::string_view(*status).substr(at + kKey.size());
    std::from_chars(text.data(), text.data() + text.size(), digits);
    return digits;
}

}  // namespace

grpc::Status FileService::Get(grpc::ServerContext* call, const ::gnoi::file::GetRequest* request,
                              grpc::ServerWriter<::gnoi::file::GetResponse>* writer) {
    const StreamPlace place(door_);
    if (!place) return too_many_streams();
    const auto file = root_.get(request->remote_file());
    if (!file) return status_of(file.error());
    auto hashing = Hashing::by(::gnoi::types::HashType::SHA256);
    if (!hashing) return {grpc::StatusCode::INTERNAL, "there is no SHA-256"};
    const auto written = [&](const ::gnoi::file::GetResponse& message) {
        return door_.silence.within(*call, [&] { return writer->Write(message); });
    };
    ::gnoi::file::GetResponse part;
    for (;;) {
        auto& bytes = *part.mutable_contents();
        bytes.resize(kPartBytes);
        const auto count = read_up_to(file->get(), std::as_writable_bytes(std::span(bytes)),
                                      request->remote_file());
        if (!count) return status_of(count.error());
        bytes.resize(*count);
        hashing->add(bytes);
        if (*count > 0 && !written(part)) return {grpc::StatusCode::CANCELLED, "nobody reads"};
        if (*count < kPartBytes) break;
        if (door_.ending.stop_requested()) return {grpc::StatusCode::UNAVAILABLE, "the agent ends"};
    }
    ::gnoi::file::GetResponse last;
    last.mutable_hash()->set_method(::gnoi::types::HashType::SHA256);
    last.mutable_hash()->set_hash(hashing->finish());
    if (!written(last)) return {grpc::StatusCode::CANCELLED, "nobody reads"};
    return grpc::Status::OK;
}

grpc::Status FileService::Put(grpc::ServerContext* call,
                              grpc::ServerReader<::gnoi::file::PutRequest>* reader,
                              ::gnoi::file::PutResponse* /*reply*/) {
    const StreamPlace place(door_);
    if (!place) return too_many_streams();
    const auto done = put(*call, *reader);
    if (!done)
        door_.log.warning("gNOI file is not kept",
                          {{"error", done.error().text()}, {"by", asker(*call)}});
    return done ? grpc::Status::OK : status_of(done.error());
}

Result<> FileService::put(grpc::ServerContext& call,
                          grpc::ServerReader<::gnoi::file::PutRequest>& reader) {
    ::gnoi::file::PutRequest message;
    const auto next = [&] {
        return door_.silence.within(call, [&] { return reader.Read(&message); });
    };
    if (!next() || !message.has_open())
        return fail(errors::gnoi_bad_request, "a Put begins with `open`");
    const auto mode = TRY(mode_of(message.open().permissions()));
    auto file = TRY(root_.put(message.open().remote_file(), mode));
    AllHashes hashes;
    while (next()) {
        if (message.has_hash()) {
            if (!hashes.has(message.hash()))
                return fail(errors::gnoi_wrong_hash, "the hash is not that of what has arrived");
            return file.keep();
        }
        if (!message.has_contents())
            return fail(errors::gnoi_bad_request, "`contents` and one `hash` follow `open`");
        hashes.add(message.contents());  // may be empty
        TRY(file.write(message.contents()));
    }
    return fail(errors::gnoi_wrong_hash, "the client ended without a hash");
}

grpc::Status FileService::Stat(grpc::ServerContext* /*call*/,
                               const ::gnoi::file::StatRequest* request,
                               ::gnoi::file::StatResponse* reply) {
    const auto found = root_.stat(request->path());
    if (!found) return status_of(found.error());
    const auto umask = umask_digits();
    for (const auto& each : *found) {
        auto& info = *reply->add_stats();
        info.set_path(shown(each.path));
        info.set_last_modified(each.modified_ns);
        info.set_permissions(digits_of(each.mode));
        info.set_size(each.size);
        info.set_umask(umask);
    }
    return grpc::Status::OK;
}

grpc::Status FileService::Remove(grpc::ServerContext* call,
                                 const ::gnoi::file::RemoveRequest* request,
                                 ::gnoi::file::RemoveResponse* /*reply*/) {
    const auto removed = root_.remove(request->remote_file());
    if (!removed) return status_of(removed.error());
    door_.log.info("gNOI file removed",
                   {{"file", shown(request->remote_file())}, {"by", asker(*call)}});
    return grpc::Status::OK;
}

}  // namespace cutover::gnoi_door
