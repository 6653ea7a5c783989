#include "platform/layering/layer_content.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <expected>
#include <fcntl.h>
#include <filesystem>
#include <span>
#include <string>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/byte_source.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/process.h"
#include "crypto/digest.h"
#include "model/manifest.h"
#include "model/package_kind.h"
#include "package/extended_attributes.h"
#include "platform/errors.h"
#include "platform/layer_record.h"
#include "platform/layering/deb_layer.h"
#include "platform/layering/errors.h"
#include "platform/layering/tree_writer.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBuffer = std::size_t{256} * 1024;
constexpr std::chrono::minutes kImageTimeout{10};
constexpr auto kContentDigest = "content.sha256";
constexpr std::size_t kMaxNoteBytes = 100;

// The identity of a file: whatever differs here may not be shared. Times are the same in all trees.
Result<std::string> object_name(const fs::path& file) {
    const auto fd = TRY(open_file(file, O_RDONLY | O_NOFOLLOW));
    struct stat info{};
    if (::fstat(fd.get(), &info) != 0)
        return std::unexpected(errno_error(errno, fmt::format("look at {}", file.string())));
    Sha256 sum;
    const auto add = [&](const std::string& text) { sum.update(std::as_bytes(std::span(text))); };
    add(fmt::format("{:o} {} {} {}\n", info.st_mode, info.st_uid, info.st_gid, info.st_size));
    for (const auto& [name, value] : TRY(read_attributes(fd.get(), file.string())))
        add(fmt::format("{} {} {}\n", name, value.size(), value));
    add("\n");
    std::vector<std::byte> buffer(kBuffer);
    for (;;) {
        const auto got = TRY(read_up_to(fd.get(), buffer, file.string()));
        sum.update(std::span(buffer).first(got));
        if (got < buffer.size()) break;
    }
    return to_hex(sum.finish());
}

bool is_same_file(const fs::path& one, const fs::path& two) {
    struct stat first{};
    struct stat second{};
    return ::lstat(one.c_str(), &first) == 0 && ::lstat(two.c_str(), &second) == 0 &&
           first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

// Gives `file` and every equal one a single place on the disk. What is durable in `file` already is
// all that an object ever claims to hold; an object that is not what it claims is replaced. The
// object's name.
Result<std::string> share_file(const fs::path& file, const fs::path& objects) {
    auto name = TRY(object_name(file));
    const auto object = objects / name.substr(0, 2) / name;
    std::error_code error;
    if (is_same_file(file, object)) return name;
    if (fs::exists(object, error)) {
        const auto claimed = object_name(object);
        if (!claimed || *claimed != name) TRY(remove_tree(object));
    }
    fs::create_directories(object.parent_path(), error);
    if (error) return std::unexpected(errno_error(error.value(), "make a folder of shared files"));
    fault_point("layer.object");
    if (::link(file.c_str(), object.c_str()) == 0) return name;
    if (errno != EEXIST)
        return std::unexpected(errno_error(errno, fmt::format("share {}", file.string())));
    auto beside = file;
    beside += ".cutover-shared";
    if (::link(object.c_str(), beside.c_str()) != 0) {
        if (errno == EMLINK)
            return name;  // it has as many names as a file can: this one stays apart
        return std::unexpected(errno_error(errno, fmt::format("share {}", file.string())));
    }
    fault_point("layer.object_linked");
    if (std::rename(beside.c_str(), file.c_str()) != 0)
        return std::unexpected(errno_error(errno, fmt::format("share {}", file.string())));
    return name;
}

std::vector<fs::path> regular_files(const fs::path& folder) {
    std::vector<fs::path> result;
    std::error_code error;
    for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error))
        if (fs::is_regular_file(entry->symlink_status(error))) result.push_back(entry->path());
    return result;
}

std::vector<fs::path> all_entries(const fs::path& folder) {
    std::vector<fs::path> result;
    std::error_code error;
    for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error))
        result.push_back(entry->path());
    std::ranges::sort(result);
    return result;
}

// What an entry is besides the content of a file.
Result<std::string> description(const fs::path& path) {
    struct stat info{};
    if (::lstat(path.c_str(), &info) != 0)
        return std::unexpected(errno_error(errno, fmt::format("look at {}", path.string())));
    auto text = fmt::format("{:o} {} {} {}", info.st_mode, info.st_uid, info.st_gid,
                            S_ISCHR(info.st_mode) ? info.st_rdev : 0);
    if (S_ISDIR(info.st_mode) && is_opaque(path)) text += " opaque";
    std::error_code error;
    if (S_ISLNK(info.st_mode)) text += " " + fs::read_symlink(path, error).string();
    return text;
}

Result<> run_tool(const std::vector<std::string>& command) {
    const auto ran = TRY(run_process({.command = command, .timeout = kImageTimeout}));
    if (ran.exit_code == 0) return {};
    return fail(Errc::io, "{} ended with {}: {}", command.front(), ran.exit_code,
                ran.output.substr(0, 500));
}

}  // namespace

fs::path LayerContent::package(const std::string& digest) const {
    return folder_ / "packages" / digest;
}
fs::path LayerContent::root(const std::string& digest) const { return package(digest) / "root"; }
fs::path LayerContent::image(const std::string& digest) const {
    return package(digest) / "layer.erofs";
}

Result<> LayerContent::write(const std::string& digest, const Manifest& manifest,
                             ByteSource& content, LayerForm form,
                             const std::vector<fs::path>& beneath) {
    if (!is_layer_digest(digest)) return fail(Errc::invalid, "'{}' is not a digest", digest);
    if (manifest.payload.type == PayloadType::image)
        return fail(Errc::unsupported,
                    "a package on top of a base holds a tree or Debian packages");
    const auto held = this->form(digest);
    // A view that is mounted takes files as well.
    if (held && (*held == form || form == LayerForm::image) && verify(digest)) return {};
    TRY(erase(digest));
    TRY(make_folders(folder_ / "packages"));
    // An image is made from the files, so for a moment both are there.
    TRY(check_room(manifest.payload.installed_bytes * (form == LayerForm::image ? 2 : 1),
                   manifest));
    auto filled = fill(digest, manifest, content, form, beneath);
    if (!filled) {
        (void)erase(digest);  // the room back; without a manifest there is no layer in any case
        return std::unexpected(std::move(filled).error());
    }
    return {};
}

Result<> LayerContent::check_room(std::uint64_t needed, const Manifest& manifest) const {
    const auto free = TRY(free_bytes(folder_));
    if (needed <= free) return {};
    return fail(errors::layer_no_space, "{} {} needs {}, {} has {}: {} bytes are missing",
                manifest.name, manifest.version.text(), human_size(needed), folder_.string(),
                human_size(free), needed - free);
}

Result<> LayerContent::fill(const std::string& digest, const Manifest& manifest,
                            ByteSource& content, LayerForm form,
                            const std::vector<fs::path>& beneath) {
    TRY(make_folders(package(digest)));
    TRY(fill_root(digest, manifest, content, beneath));
    fault_point("layer.unpacked");
    ObjectNames names;
    switch (form) {
        case LayerForm::files:
            // Before any of them gets a name that says what is in it.
            TRY(sync_file_system(package(digest)));
            names = TRY(share_files(root(digest)));
            break;
        case LayerForm::image: TRY(make_image(digest)); break;
    }
    const auto content_digest = TRY(identity(digest, form, manifest, names));
    TRY(write_file_durably(package(digest) / kContentDigest, content_digest + "\n", 0644));
    TRY(sync_file_system(package(digest)));
    fault_point("layer.manifest");
    TRY(write_file_durably(package(digest) / "manifest.json", to_json(manifest), 0644));
    fault_point("layer.written");
    return {};
}

Result<> LayerContent::fill_root(const std::string& digest, const Manifest& manifest,
                                 ByteSource& content, const std::vector<fs::path>& beneath) {
    const auto reserve = package(digest) / "reserve";
    switch (manifest.payload.type) {
        case PayloadType::tree: return write_tree(root(digest), reserve, manifest, content);
        case PayloadType::deb: {
            const auto debs = package(digest) / "debs";
            TRY(write_tree(debs, reserve, manifest, content));
            TRY(check_room(TRY(unpacked_bytes(debs)), manifest));
            TRY(make_folders(root(digest)));
            TRY(install_debs({.debs = debs,
                              .upper = root(digest),
                              .scratch = package(digest) / "scratch",
                              .beneath = beneath}));
            return remove_tree(debs);
        }
        case PayloadType::none:
        case PayloadType::image: break;
    }
    return make_folders(root(digest));
}

Result<LayerContent::ObjectNames> LayerContent::share_files(const fs::path& root) {
    const auto objects = folder_ / "objects";
    TRY(make_folders(objects));
    ObjectNames names;
    for (const auto& file : regular_files(root))
        names.emplace(file, TRY(share_file(file, objects)));
    return names;
}

Result<> LayerContent::make_image(const std::string& digest) {
    if (!find_program("mkfs.erofs"))
        return fail(errors::layer_no_image_tool, "mkfs.erofs is missing");
    TRY(run_tool({"mkfs.erofs", "-T0", image(digest).string(), root(digest).string()}),
        "make an image of the layer");
    const auto fd = TRY(open_file(image(digest), O_RDONLY));
    TRY(sync_fd(fd.get(), image(digest).string()));
    fault_point("layer.image");
    return remove_tree(root(digest));
}

Result<> LayerContent::erase(const std::string& digest) {
    if (!is_layer_digest(digest)) return fail(Errc::invalid, "'{}' is not a digest", digest);
    std::error_code error;
    if (!fs::exists(package(digest), error)) return {};
    // First the claim, then the content.
    fault_point("layer.erase");
    TRY(remove_tree(package(digest) / "manifest.json"));
    TRY(sync_folder(package(digest)));
    fault_point("layer.unclaimed");
    TRY(remove_tree(package(digest)));
    TRY(sweep());
    fault_point("layer.erased");
    return {};
}

Result<std::string> LayerContent::identity(const std::string& digest, LayerForm form,
                                           const Manifest& manifest,
                                           const ObjectNames& known) const {
    Sha256 sum;
    const auto add = [&](const std::string& text) {
        const auto line = fmt::format("{} {}\n", text.size(), text);
        sum.update(std::as_bytes(std::span(line)));
    };
    add(to_json(manifest));
    if (form == LayerForm::image) {
        add(TRY(object_name(image(digest))));
        return to_hex(sum.finish());
    }
    for (const auto& path : all_entries(root(digest))) {
        add(path.lexically_relative(root(digest)).string());
        add(TRY(description(path)));
        std::error_code error;
        if (!fs::is_regular_file(fs::symlink_status(path, error))) continue;
        const auto name = known.find(path);
        add(name == known.end() ? TRY(object_name(path)) : name->second);
    }
    return to_hex(sum.finish());
}

Result<> LayerContent::verify(const std::string& digest) const {
    const auto written = TRY(manifest(digest));
    const auto form = TRY(this->form(digest));
    const auto noted = read_file(package(digest) / kContentDigest, kMaxNoteBytes);
    const auto found = identity(digest, form, written, {});
    if (noted && found && *noted == *found + "\n") return {};
    return fail(errors::layer_damaged, "{} {} is not as it was written: layer {}", written.name,
                written.version.text(), digest);
}

Result<> LayerContent::sweep() {
    for (const auto& object : regular_files(folder_ / "objects")) {
        struct stat info{};
        if (::lstat(object.c_str(), &info) == 0 && info.st_nlink == 1) TRY(remove_tree(object));
    }
    return {};
}

Result<Manifest> LayerContent::manifest(const std::string& digest) const {
    if (!is_layer_digest(digest)) return fail(Errc::invalid, "'{}' is not a digest", digest);
    auto text = read_file(package(digest) / "manifest.json", kMaxManifestBytes);
    if (!text && text.error().kind == Errc::not_found)
        return fail(Errc::not_found, "there is no layer {}", digest);
    const auto json = TRY(std::move(text), "manifest of layer {}", digest);
    auto parsed = parse_manifest(json);
    if (parsed) return parsed;
    return fail(errors::layer_damaged, "the manifest of layer {} cannot be read: {}", digest,
                parsed.error().text());
}

std::vector<std::string> LayerContent::layers() const {
    std::vector<std::string> result;
    std::error_code error;
    for (fs::directory_iterator entry(folder_ / "packages", error), end; !error && entry != end;
         entry.increment(error)) {
        auto name = entry->path().filename().string();
        std::error_code ignored;
        if (is_layer_digest(name) && fs::exists(entry->path() / "manifest.json", ignored))
            result.push_back(std::move(name));
    }
    std::ranges::sort(result);
    return result;
}

Result<LayerForm> LayerContent::form(const std::string& digest) const {
    TRY(manifest(digest));
    std::error_code error;
    if (fs::is_directory(fs::symlink_status(root(digest), error))) return LayerForm::files;
    if (fs::is_regular_file(fs::symlink_status(image(digest), error))) return LayerForm::image;
    return fail(errors::layer_damaged, "the content of layer {} is missing", digest);
}

}  // namespace cutover
