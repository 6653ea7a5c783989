#include "doors/gnoi/gnoi_door.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "access/access.h"
#include "base/error.h"
#include "base/log.h"
#include "doors/gnoi/door_context.h"
#include "doors/gnoi/file_root.h"
#include "doors/gnoi/file_service.h"
#include "doors/gnoi/os_service.h"
#include "doors/gnoi/reset_service.h"
#include "doors/gnoi/system_service.h"
#include "doors/outer/outer_server.h"
#include "model/device.h"

namespace cutover {
namespace {

constexpr int kMaxStreamsPerConnection = 64;

}  // namespace

// Destroyed from the last member up: the server, then what it calls.
struct GnoiDoor::Running {
    Running(Device& device, Log& log, const Options& wanted)
        : context(device, log, wanted.max_streams, wanted.client_timeout),
          files(open_files(wanted, log)),
          os(context),
          reset(context),
          system(context, files ? &*files : nullptr) {
        if (files) file.emplace(context, *files);
    }

    static std::optional<gnoi_door::FileRoot> open_files(const Options& wanted, Log& log) {
        if (wanted.config.files.empty()) return std::nullopt;
        auto opened = gnoi_door::FileRoot::open(wanted.folder / wanted.config.files);
        if (opened) return *std::move(opened);
        log.error("gNOI clients see no files", {{"error", opened.error().text()}});
        return std::nullopt;
    }

    gnoi_door::DoorContext context;
    std::optional<gnoi_door::FileRoot> files;
    gnoi_door::OsService os;
    gnoi_door::ResetService reset;
    gnoi_door::SystemService system;
    std::optional<gnoi_door::FileService> file;
    std::unique_ptr<OuterServer> server;
};

Result<std::unique_ptr<GnoiDoor>> GnoiDoor::start(Device& device, Access& access, Log& log,
                                                  const Options& options) {
    auto running = std::make_unique<Running>(device, log, options);
    OuterServer::Options wanted;
    wanted.name = "gnoi";
    wanted.limits = {.max_connections = options.config.max_connections,
                     .max_streams_per_connection = kMaxStreamsPerConnection,
                     .max_threads = options.max_streams + options.max_calls,
                     .shutdown = options.shutdown_timeout};
    wanted.reflection = options.config.reflection;
    wanted.folder = options.folder;
    wanted.security = options.security;
    std::vector<grpc::Service*> services{&running->os, &running->reset, &running->system};
    if (auto& file = running->file) services.push_back(&*file);
    running->server =
        TRY(OuterServer::listen(options.config.listen, std::move(wanted), services, access, log));
    auto door = std::unique_ptr<GnoiDoor>(new GnoiDoor(std::move(running)));
    log.info("the gNOI door is open", {{"address", door->address()}});
    return door;
}

GnoiDoor::GnoiDoor(std::unique_ptr<Running> running) : running_(std::move(running)) {}

GnoiDoor::~GnoiDoor() {
    running_->server->close();
    running_->context.ending.request_stop();
    running_->server.reset();
}

const std::string& GnoiDoor::address() const { return running_->server->address(); }

}  // namespace cutover
