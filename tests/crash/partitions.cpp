#include "partitions.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "backends/block/block_slots.h"
#include "backends/machine/boot_notes.h"
#include "backends/machine/machine_host.h"
#include "base/byte_source.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "crypto/certificate_maker.h"
#include "crypto/signing_key.h"
#include "crypto/trust_store.h"
#include "engine/engine.h"
#include "engine/observer.h"
#include "engine/ports.h"
#include "engine/provision.h"
#include "engine/verified_packages.h"
#include "ingredients.h"
#include "life.h"
#include "loader.h"
#include "model/device.h"
#include "model/device_config.h"
#include "model/event.h"
#include "model/manifest.h"
#include "model/operation.h"
#include "model/package_spec.h"
#include "model/slot.h"
#include "package/package_builder.h"
#include "package/package_signer.h"
#include "platform/boot_control.h"
#include "platform/no_layers.h"
#include "platform/no_services.h"
#include "store/store.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

// More than one of the blocks in which images are written.
constexpr std::size_t kImageBytes = std::size_t{5} * 256 * 1024;
constexpr int kMostLives = 10;

struct Nobody final : Observer {
    void on_event(const Event& /*event*/) override {}
    void on_progress(const Progress& /*progress*/) override {}
    void on_change() override {}
};

class Bytes final : public ByteSource {
public:
    explicit Bytes(std::string_view bytes) : bytes_(bytes) {}
    Result<std::size_t> read(std::span<std::byte> buffer) override {
        const auto size = std::min(buffer.size(), bytes_.size());
        std::ranges::copy(std::as_bytes(std::span(bytes_)).first(size), buffer.begin());
        bytes_.remove_prefix(size);
        return size;
    }

private:
    std::string_view bytes_;
};

Result<> build_release(const fs::path& folder, const std::string& version, const std::string& image,
                       const SigningKey& key, WallTime now) {
    TRY(write_file_durably(folder / ("image-" + version), image));
    const auto spec = TRY(parse_package_spec(fmt::format(
        "[package]\nkind = \"base\"\nname = \"nos\"\nversion = \"{}\"\nepoch = 1\n"
        "[payload]\ntype = \"image\"\npath = \"image-{}\"\n"
        "[[health]]\nname = \"check\"\nexec = [\"/bin/{}\"]\ninterval = \"1ms\"\nretries = 1\n"
        "[persist]\npaths = [\"etc/nos.conf\"]\n",
        version, version, version == kSickVersion ? "false" : "true")));
    const auto file = folder / fmt::format("nos-{}.cc", version);
    TRY(build_package(
        {.spec = spec, .folder = folder, .output = file, .created = now, .level = 1}));
    return sign_package(file, file, key, now);
}

DeviceConfig config_of_device() {
    DeviceConfig config;
    config.backup.automatic = false;  // the sweep cuts those
    config.trial_boots = 2;
    return config;
}

BlockSlots::Options slots_of(const fs::path& device) {
    return {.a = device / "slot-a",
            .b = device / "slot-b",
            .claims = device / "data/cutover/slots",
            .persist = device / "data/persist",
            .running_root = device / "nothing"};
}

std::string new_boot_id() {
    static int boots = 0;
    return fmt::format("boot-{}", ++boots);
}

}  // namespace

Result<ImageWorkshop> ImageWorkshop::open(const fs::path& folder) {
    TRY(make_folders(folder));
    const auto now = SystemClock().wall();
    const auto key = TRY(make_signer(folder, now));
    for (const auto* const version : {kOldVersion, kNewVersion, kSickVersion})
        TRY(build_release(folder, version, image(version), key, now));
    return ImageWorkshop(folder);
}

std::string ImageWorkshop::package(const std::string& version) const {
    return (folder_ / fmt::format("nos-{}.cc", version)).string();
}

std::string ImageWorkshop::image(const std::string& version) {
    std::seed_seq seed(version.begin(), version.end());
    std::mt19937 random(seed);
    std::string image(kImageBytes, '\0');
    for (std::size_t i = 0; i + 4 <= image.size(); i += 4) {
        const auto number = static_cast<std::uint32_t>(random());
        for (std::size_t k = 0; k < 4; ++k) image[i + k] = static_cast<char>(number >> (8 * k));
    }
    image.replace(0, 4, "hsqs");
    for (std::size_t k = 0; k < 8; ++k)
        image[40 + k] = static_cast<char>(std::uint64_t{kImageBytes} >> (8 * k));
    return image;
}

Result<> ImageWorkshop::make_device(const Loader& loader, const fs::path& device) const {
    TRY(remove_tree(device));
    const auto folder = device / "data/cutover";
    TRY(make_folders(folder / "slots"));
    TRY(make_folders(folder / "run"));
    TRY(make_folders(device / "data/persist/a/etc"));
    TRY(write_file_durably(device / "data/persist/a/etc/nos.conf", kUserSetting, 0644));
    TRY(write_file_durably(device / "slot-a", image(kOldVersion)));
    TRY(write_file_durably(device / "slot-b", std::string(kImageBytes, 'x')));
    TRY(loader.install(device));
    BlockSlots slots(slots_of(device));
    const auto config = config_of_device();
    MachineHost host({.hardware = config.hardware, .architecture = {}});
    auto store = TRY(Store::open(folder / "device.db"));
    SystemClock clock;
    VerifiedPackages packages(TRY(TrustStore::load(trust())), clock, {});
    TRY(adopt({.store = store, .host = host, .packages = packages, .clock = clock},
              package(kOldVersion),
              [&](const Manifest& manifest, ByteSource& content) {
                  return slots.adopt(Slot::a, manifest, content);
              },
              {}));
    return {};
}

BlockSlots::Options Machine::slots() const { return slots_of(device); }

Result<> Machine::settle() const {
    for (int i = 0; i < kMostLives; ++i)
        if (TRY(live(std::nullopt)) == LifeEnd::idle) return {};
    return fail(Errc::conflict, "not at rest after {} boots", kMostLives);
}

Result<LifeEnd> Machine::live(const std::optional<Request>& request) const {
    const auto booted = TRY(loader.play(device));
    if (booted.reason == BootReason::trial && !trials_come_up) return LifeEnd::reboot;
    const auto boot = TRY(loader.open(device, booted));
    auto options = slots_of(device);
    options.running = booted.slot;
    BlockSlots block_slots(options);
    const auto notes = folder() / "run/boots";
    const auto id = new_boot_id();
    const auto config = config_of_device();
    MachineHost host(
        {.hardware = config.hardware,
         .architecture = {},
         .boot_id = id,
         .boot_failures = earlier_failures(TRY(boot->status()), read_boot_notes(notes), id),
         .data = device / "data",
         .persist = block_slots.persist(booted.slot),
         .reboot = {[]() -> Result<> { return {}; }}});
    TRY(note_boot(notes, {.boot_id = id, .slot = booted.slot, .reason = booted.reason}));
    auto store = TRY(Store::open(folder() / "device.db"));
    const auto log = Log::silent();
    SystemClock clock;
    VerifiedPackages packages(TrustStore::load(workshop.trust()), clock, {});
    NoLayers layers;
    NoServices services;
    Nobody nobody;
    Engine engine({.store = store,
                   .boot = *boot,
                   .slots = block_slots,
                   .layers = layers,
                   .services = services,
                   .host = host,
                   .packages = packages,
                   .clock = clock,
                   .log = *log,
                   .observer = nobody,
                   .config = config,
                   .folder = folder()});
    auto outcome = TRY(engine.start());
    if (outcome == Engine::Outcome::idle && request)
        outcome = TRY(engine.run(TRY(store.last_operation()) + 1, *request));
    return outcome == Engine::Outcome::reboot ? LifeEnd::reboot : LifeEnd::idle;
}

}  // namespace cutover
