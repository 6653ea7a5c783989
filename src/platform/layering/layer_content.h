#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/byte_source.h"
#include "base/error.h"
#include "model/manifest.h"

namespace cutover {

// As files, for views made of hard links, or as a file system image, for views that are mounted.
enum class LayerForm : std::uint8_t { files, image };

// What packages on top hold, in the device's folder:
//
//     layers/objects/<hh>/<digest>            every file once, by content, mode, owner, attributes
//     layers/packages/<digest>/manifest.json  written last and removed first
//     layers/packages/<digest>/root/          files: hard links to objects
//     layers/packages/<digest>/layer.erofs    or an image of them
//     layers/packages/<digest>/content.sha256 of all of it, as it was written
class LayerContent {
public:
    explicit LayerContent(std::filesystem::path folder) : folder_(std::move(folder)) {}

    // Whole and durable when it returns, absent after a failure. Nothing is done, and nothing read
    // of `content`, when the layer is there, whole, in a form that serves; one that does not pass
    // verify() is written anew. `beneath` are the roots that
    // Debian packages are installed on, the highest first.
    Result<> write(const std::string& digest, const Manifest& manifest, ByteSource& content,
                   LayerForm form, const std::vector<std::filesystem::path>& beneath);
    Result<> erase(const std::string& digest);  // repeatable
    Result<Manifest> manifest(const std::string& digest) const;
    std::vector<std::string> layers() const;

    // Reads all of it: layer.damaged when it is not what was written.
    Result<> verify(const std::string& digest) const;
    // layer.damaged when what the manifest promises is not there.
    Result<LayerForm> form(const std::string& digest) const;
    std::filesystem::path root(const std::string& digest) const;   // of LayerForm::files
    std::filesystem::path image(const std::string& digest) const;  // of LayerForm::image

    // Removes the objects that no layer and no view has a link to.
    Result<> sweep();

private:
    using ObjectNames = std::map<std::filesystem::path, std::string>;

    std::filesystem::path package(const std::string& digest) const;
    Result<> fill(const std::string& digest, const Manifest& manifest, ByteSource& content,
                  LayerForm form, const std::vector<std::filesystem::path>& beneath);
    Result<> check_room(std::uint64_t needed, const Manifest& manifest) const;
    Result<> fill_root(const std::string& digest, const Manifest& manifest, ByteSource& content,
                       const std::vector<std::filesystem::path>& beneath);
    // What is stored, in one digest. `known` are names of objects by their files.
    Result<std::string> identity(const std::string& digest, LayerForm form,
                                 const Manifest& manifest, const ObjectNames& known) const;
    Result<ObjectNames> share_files(const std::filesystem::path& root);
    Result<> make_image(const std::string& digest);

    std::filesystem::path folder_;
};

}  // namespace cutover
