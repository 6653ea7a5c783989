#include "disk_states.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "disk_call.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPage = 4096;
constexpr std::size_t kSector = 512;
constexpr std::size_t kMostBytes = std::size_t{64} * 1024 * 1024;  // of a file

bool is_inside(std::string_view path, const std::string& folder) {
    return path.starts_with(folder + "/");
}

std::string file_system_of(const std::string& path) { return path.substr(0, path.find('/')); }

std::uint64_t mix(std::uint64_t value) {  // so that a sum tells sets apart
    value += 0x9e3779b97f4a7c15;
    value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27U)) * 0x94d049bb133111eb;
    return value ^ (value >> 31U);
}

}  // namespace

Result<DiskImage> DiskImage::read(const fs::path& folder) {
    DiskImage image;
    std::set<std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        const auto path = entry.path().lexically_relative(folder).string();
        if (entry.is_symlink()) continue;
        if (entry.is_directory()) image.folders_.insert(path);
        if (entry.is_regular_file()) files.insert(path);
    }
    int number = 0;
    for (const auto& path : files) {
        image.files_[path] = ++number;
        image.contents_[number] =
            std::make_shared<std::string>(TRY(read_file(folder / path, kMostBytes)));
    }
    return image;
}

void DiskImage::rename(const std::string& from, const std::string& to) {
    if (const auto file = files_.find(from); file != files_.end()) {
        files_[to] = file->second;
        files_.erase(from);
        return;
    }
    if (folders_.erase(from) == 0) return;
    folders_.insert(to);
    const auto move = [&](const std::string& path) { return to + path.substr(from.size()); };
    std::set<std::string> folders;
    for (const auto& path : folders_) folders.insert(is_inside(path, from) ? move(path) : path);
    folders_ = std::move(folders);
    std::map<std::string, int> files;
    for (const auto& [path, file] : files_) files[is_inside(path, from) ? move(path) : path] = file;
    files_ = std::move(files);
}

void DiskImage::apply(const DiskCall& call) {
    const auto own = [&]() -> std::string& {
        auto& content = contents_[call.file];
        if (!content) content = std::make_shared<std::string>();
        if (content.use_count() > 1) content = std::make_shared<std::string>(*content);
        return *content;
    };
    switch (call.kind) {
        case DiskCall::Kind::create:
            files_[call.path] = call.file;
            own();
            break;
        case DiskCall::Kind::write: {
            auto& bytes = own();
            const auto at = static_cast<std::size_t>(call.offset);
            if (bytes.size() < at + call.bytes.size()) bytes.resize(at + call.bytes.size(), '\0');
            bytes.replace(at, call.bytes.size(), call.bytes);
            break;
        }
        case DiskCall::Kind::resize: own().resize(static_cast<std::size_t>(call.offset)); break;
        case DiskCall::Kind::make_folder: folders_.insert(call.path); break;
        case DiskCall::Kind::rename: rename(call.path, call.target); break;
        case DiskCall::Kind::remove: files_.erase(call.path); break;
        case DiskCall::Kind::remove_folder: folders_.erase(call.path); break;
        case DiskCall::Kind::sync:
        case DiskCall::Kind::sync_names:
        case DiskCall::Kind::sync_all: break;
    }
}

Result<> DiskImage::write(const fs::path& folder, const DiskImage* before) const {
    const auto is_there = [&](const std::string& path, int file) {
        if (!before || path.contains('/')) return false;
        const auto old = before->files_.find(path);
        return old != before->files_.end() &&
               before->contents_.at(old->second) == contents_.at(file);
    };
    TRY(make_folders(folder));
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
        const auto name = entry.path().filename().string();
        const auto file = files_.find(name);
        if (file == files_.end() || !is_there(name, file->second)) TRY(remove_tree(entry.path()));
    }
    for (const auto& path : folders_) fs::create_directories(folder / path, error);
    for (const auto& [path, file] : files_) {
        if (is_there(path, file)) continue;
        const auto& content = contents_.at(file);
        std::ofstream out(folder / path, std::ios::binary | std::ios::trunc);
        out.write(content->data(), static_cast<std::streamsize>(content->size()));
        if (!out.flush()) return fail(Errc::io, "write {}", (folder / path).string());
    }
    return {};
}

std::string DiskImage::difference(const DiskImage& other) const {
    if (folders_ != other.folders_) return "the folders differ";
    for (const auto& [path, file] : files_) {
        const auto found = other.files_.find(path);
        if (found == other.files_.end()) return path + " is missing";
        if (*contents_.at(file) != *other.contents_.at(found->second)) return path + " differs";
    }
    for (const auto& [path, file] : other.files_)
        if (!files_.contains(path)) return path + " is one too many";
    return "";
}

CrashStates::CrashStates(DiskImage start, std::vector<DiskCall> calls,
                         std::set<std::string> small_sectors)
    : durable_(std::move(start)),
      calls_(std::move(calls)),
      small_sectors_(std::move(small_sectors)) {
    for (const auto& [path, file] : durable_.files()) note_file(path, file);
}

void CrashStates::note_file(const std::string& path, int file) {
    system_of_[file] = file_system_of(path);
    if (small_sectors_.contains(path)) small_files_.insert(file);
}

void CrashStates::add_units(const DiskCall& call) {
    Unit unit{.call = call};
    unit.file_system = file_system_of(call.path);
    if (call.kind != DiskCall::Kind::write) {
        // A length is kept with the names, in the same journal.
        unit.is_name = true;
        if (call.kind == DiskCall::Kind::resize) unit.file_system = system_of_[call.file];
        unit.number = ++last_unit_;
        pending_.push_back(std::move(unit));
        return;
    }
    unit.file_system = system_of_[call.file];
    const auto piece = small_files_.contains(call.file) ? kSector : kPage;
    for (std::size_t at = 0; at < call.bytes.size();) {
        const auto offset = static_cast<std::size_t>(call.offset) + at;
        const auto size = std::min(piece - offset % piece, call.bytes.size() - at);
        auto part = unit;
        part.call.offset = offset;
        part.call.bytes = call.bytes.substr(at, size);
        part.number = ++last_unit_;
        pending_.push_back(std::move(part));
        at += size;
    }
}

void CrashStates::settle(const DiskCall& sync) {
    const auto system =
        sync.kind == DiskCall::Kind::sync ? system_of_[sync.file] : file_system_of(sync.path);
    std::vector<Unit> rest;
    for (auto& unit : pending_) {
        const bool is_here = unit.file_system == system;
        const bool all = sync.kind == DiskCall::Kind::sync_all;
        const bool own = sync.kind == DiskCall::Kind::sync && unit.call.file == sync.file;
        if (!is_here || !(unit.is_name || all || own)) {
            rest.push_back(std::move(unit));
            continue;
        }
        if (unit.call.kind == DiskCall::Kind::resize)  // data before it is cut off for good
            std::erase_if(rest, [&](const Unit& data) {
                return data.call.file == unit.call.file && !data.is_name &&
                       data.call.offset >= unit.call.offset;
            });
        durable_.apply(unit.call);
        settled_ += mix(unit.number);
    }
    pending_ = std::move(rest);
}

// Choice 0 keeps all, 1 nothing; the others anything.
std::vector<bool> CrashStates::choose(std::mt19937& random, int choice) const {
    std::vector<bool> kept(pending_.size(), choice == 0);
    if (choice < 2) return kept;
    constexpr std::array kShares{1U, 4U, 7U};  // of eight
    const auto share = kShares.at(random() % kShares.size());
    std::map<std::string, std::size_t> names;
    for (const auto& unit : pending_) names[unit.file_system] += unit.is_name ? 1 : 0;
    for (auto& [system, count] : names) count = random() % (count + 1);
    for (std::size_t i = 0; i < pending_.size(); ++i) {
        auto& left = names[pending_[i].file_system];
        if (!pending_[i].is_name)
            kept[i] = random() % 8 < share;
        else if (left > 0)
            kept[i] = --left + 1 > 0;
    }
    return kept;
}

bool CrashStates::tell(const std::vector<bool>& kept, std::size_t calls,
                       const std::function<bool(const CrashState&)>& look) {
    const bool reported = calls == calls_.size();
    auto mark = settled_ + (reported ? 1 : 0);
    for (std::size_t i = 0; i < kept.size(); ++i)
        if (kept[i]) mark += mix(pending_[i].number);
    if (!told_.insert(mark).second) return true;
    auto image = durable_;
    for (std::size_t i = 0; i < kept.size(); ++i)
        if (kept[i]) image.apply(pending_[i].call);
    return look({.image = image, .calls = calls, .reported = reported});
}

void CrashStates::for_each(std::mt19937& random, int choices,
                           const std::function<bool(const CrashState&)>& look) {
    if (!tell({}, 0, look)) return;
    for (std::size_t i = 0; i < calls_.size(); ++i) {
        const auto& call = calls_[i];
        if (call.kind >= DiskCall::Kind::sync) {
            settle(call);
        } else {
            if (call.kind == DiskCall::Kind::create) note_file(call.path, call.file);
            add_units(call);
        }
        const int here = pending_.empty() ? 1 : choices + 2;
        for (int choice = 0; choice < here; ++choice)
            if (!tell(choose(random, choice), i + 1, look)) return;
    }
}

}  // namespace cutover
