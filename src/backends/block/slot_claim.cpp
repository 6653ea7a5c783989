#include "backends/block/slot_claim.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/core.h>

#include "backends/block/partition.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"
#include "crypto/digest.h"
#include "model/manifest.h"
#include "model/slot.h"
#include "platform/block_writer.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kFormat = 1;
constexpr std::size_t kMaxClaimBytes = 2 * kMaxManifestBytes + 4096;

std::string text_of(const json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

Result<ContentEnds> read_ends(const Partition& partition, std::uint64_t content_bytes) {
    AlignedBlock block;
    const auto size = std::min<std::uint64_t>(content_bytes, kBlockBytes);
    const auto buffer = block.all().first(static_cast<std::size_t>(size));
    TRY(partition.read_at(0, buffer));
    const auto head = sha256(buffer);
    TRY(partition.read_at(content_bytes - size, buffer));
    return ContentEnds{.head = head, .tail = sha256(buffer)};
}

char letter(Slot slot) { return slot == Slot::a ? 'a' : 'b'; }

fs::path claim_file(const fs::path& folder, Slot slot) {
    return folder / fmt::format("{}.json", letter(slot));
}

Result<SlotClaim> read_claim(const fs::path& folder, Slot slot) {
    const auto file = claim_file(folder, slot);
    auto text = read_file(file, kMaxClaimBytes);
    if (!text && text.error().kind == Errc::not_found)
        return fail(Errc::not_found, "slot {} holds nothing", to_string(slot));
    const auto content = TRY(std::move(text));
    const auto object = json::parse(content, nullptr, false);
    if (!object.is_object() || object.value("format", json()) != kFormat)
        return fail(Errc::corrupt, "{} cannot be read", file.string());
    SlotClaim claim;
    claim.manifest = TRY(parse_manifest(text_of(object, "manifest")), "{}", file.string());
    claim.content = TRY(digest_from_hex(text_of(object, "content_sha256")), "{}", file.string());
    claim.ends.head = TRY(digest_from_hex(text_of(object, "head_sha256")), "{}", file.string());
    claim.ends.tail = TRY(digest_from_hex(text_of(object, "tail_sha256")), "{}", file.string());
    return claim;
}

Result<> write_claim(const fs::path& folder, Slot slot, const SlotClaim& claim) {
    const json object{{"format", kFormat},
                      {"manifest", to_json(claim.manifest)},
                      {"content_sha256", to_hex(claim.content)},
                      {"head_sha256", to_hex(claim.ends.head)},
                      {"tail_sha256", to_hex(claim.ends.tail)}};
    TRY(make_folders(folder));
    fault_point("slot.manifest");
    TRY(write_file_durably(claim_file(folder, slot), object.dump(1) + "\n", 0644));
    fault_point("slot.installed");
    return {};
}

Result<> remove_claim(const fs::path& folder, Slot slot) {
    std::error_code error;
    if (!fs::exists(folder, error)) return {};
    fault_point("slot.erase");
    TRY(remove_tree(claim_file(folder, slot)));
    TRY(sync_folder(folder));
    fault_point("slot.unclaimed");
    return {};
}

}  // namespace cutover
