// Clients name files of gnoi.file by any string: nothing outside of the folder is read, changed or
// removed, whatever they name, and whatever links somebody has left in it.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/files.h"
#include "doors/gnoi/file_root.h"

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSecret = "not for clients";

// A folder with links that lead out of it, beside a file that nobody may reach.
struct Place {
    Place() {
        CUTOVER_CHECK(folder);
        CUTOVER_CHECK(cutover::write_file_durably(outside / "secret", kSecret));
        fs::create_directories(inside / "a" / "b");
        fs::create_symlink("../outside", inside / "out");
        fs::create_symlink("../../outside/secret", inside / "a" / "s");
        fs::create_symlink(outside, inside / "abs");
        fs::create_symlink("loop", inside / "loop");
        CUTOVER_CHECK(cutover::write_file_durably(inside / "a" / "f", "known"));
    }
    // As it was: one name only, and what it held.
    void check() const {
        const auto content = cutover::read_file(outside / "secret", 100);
        CUTOVER_CHECK(content && *content == kSecret);
        CUTOVER_CHECK(std::distance(fs::directory_iterator(outside), {}) == 1);
        CUTOVER_CHECK(std::distance(fs::directory_iterator(folder->path()), {}) == 2);
    }

    cutover::Result<cutover::TempFolder> folder =
        cutover::TempFolder::create(fs::temp_directory_path(), "fuzz-file-root");
    fs::path inside = make(folder->path() / "inside");
    fs::path outside = make(folder->path() / "outside");

    static fs::path make(const fs::path& path) {
        fs::create_directories(path);
        return path;
    }
};

}  // namespace

// The first byte says what is done.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr int kInputsInOne = 1000;  // folders that clients have made pile up
    static int inputs = 0;
    static std::unique_ptr<Place> place;
    if (inputs++ % kInputsInOne == 0) {
        place.reset();
        place = std::make_unique<Place>();
    }
    auto root = cutover::gnoi_door::FileRoot::open(place->inside);
    CUTOVER_CHECK(root);
    if (size == 0) return 0;
    const std::string_view path(reinterpret_cast<const char*>(data) + 1, size - 1);
    switch (data[0] % 4) {
        case 0:
            if (auto file = root->put(path, data[0]); file && file->write("from a client"))
                static_cast<void>(file->keep().has_value());
            break;
        case 1:
            if (const auto file = root->get(path)) {
                std::string content(100, '\0');
                const auto got = cutover::read_up_to(
                    file->get(), std::as_writable_bytes(std::span(content)), "file");
                CUTOVER_CHECK(got && !content.starts_with(kSecret));
            }
            break;
        case 2:
            if (const auto entries = root->stat(path))
                for (const auto& entry : *entries)
                    CUTOVER_CHECK(entry.path.starts_with('/') && !entry.path.contains("/../"));
            break;
        default: static_cast<void>(root->remove(path).has_value()); break;
    }
    place->check();
    return 0;
}
