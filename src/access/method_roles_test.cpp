#include "access/method_roles.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "model/security_config.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

// All methods of the .proto files, as HTTP/2 has them.
std::set<std::string> methods_of_the_protos() {
    const std::regex package(R"(^package ([\w.]+);)");
    const std::regex service(R"(^service (\w+))");
    const std::regex call(R"(^\s*rpc (\w+))");
    std::set<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(CUTOVER_PROTO_FOLDER)) {
        if (entry.path().extension() != ".proto") continue;
        std::ifstream file(entry.path());
        std::string package_name;
        std::string service_name;
        std::smatch match;
        for (std::string line; std::getline(file, line);) {
            if (std::regex_search(line, match, package)) package_name = match[1];
            if (std::regex_search(line, match, service)) service_name = match[1];
            if (std::regex_search(line, match, call))
                found.insert("/" + package_name + "." + service_name + "/" + match[1].str());
        }
    }
    return found;
}

TEST(MethodRoles, EveryMethodOfTheServedInterfacesHasARow) {
    const auto methods = methods_of_the_protos();
    EXPECT_GT(methods.size(), 50U);
    for (const auto& method : methods) EXPECT_NE(find_method(method), nullptr) << method;
}

TEST(MethodRoles, NoRowIsOfAMethodThatIsNotThere) {
    const auto methods = methods_of_the_protos();
    for (const auto& row : method_roles())
        EXPECT_TRUE(methods.contains(std::string(row.method)) || row.method.starts_with("/grpc."))
            << row.method;
}

TEST(MethodRoles, TheDmiNeedsNoMoreThanAnOperator) {
    for (const auto& row : method_roles())
        EXPECT_TRUE(!row.method.starts_with("/dmi.") || row.role <= Role::operator_) << row.method;
}

TEST(MethodRoles, FilesAndFactoryResetAreTheAdmins) {
    for (const auto* method :
         {"/gnoi.file.File/Get", "/gnoi.file.File/Put", "/gnoi.file.File/Remove",
          "/gnoi.factory_reset.FactoryReset/Start"}) {
        ASSERT_NE(find_method(method), nullptr) << method;
        EXPECT_EQ(find_method(method)->role, Role::admin) << method;
        EXPECT_TRUE(find_method(method)->audited) << method;
    }
    EXPECT_EQ(find_method("/gnoi.file.File/Stat")->role, Role::viewer);
}

// A configuration holds secrets: a viewer sees that it changed, and not to what.
TEST(MethodRoles, ValuesOfTheConfigurationAreNotTheViewers) {
    for (const auto* method : {"Show", "GetValue", "Changes", "Edit", "Commit", "Migrate"}) {
        const auto* row = find_method(std::string("/cutover.v1.Configuration/") + method);
        ASSERT_NE(row, nullptr) << method;
        EXPECT_EQ(row->role, Role::operator_) << method;
    }
    EXPECT_EQ(find_method("/cutover.v1.Configuration/GetStatus")->role, Role::viewer);
    EXPECT_EQ(find_method("/cutover.v1.Configuration/History")->role, Role::viewer);
}

TEST(MethodRoles, WhatAViewerMayDoIsNotWrittenDown) {
    for (const auto& row : method_roles())
        EXPECT_TRUE(row.role != Role::viewer || !row.audited) << row.method;
}

TEST(MethodRoles, AnUnknownMethodHasNoRow) {
    for (const auto* method : {"", "/", "/gnoi.os.OS/Instal", "/gnoi.os.OS/Installl", "~"})
        EXPECT_EQ(find_method(method), nullptr) << method;
}

// docs/security.md has the same table for people.
TEST(MethodRoles, TheGuideNamesTheRoleOfEachMethod) {
    std::ifstream file(CUTOVER_SECURITY_GUIDE);
    std::set<std::string> rows;
    for (std::string line; std::getline(file, line);) rows.insert(line);
    for (const auto& row : method_roles()) {
        const auto line = "| `" + std::string(row.method.substr(1)) + "` | " +
                          std::string(role_name(row.role)) + (row.audited ? " | yes |" : " | |");
        EXPECT_TRUE(rows.contains(line)) << line;
    }
}

}  // namespace
}  // namespace cutover
