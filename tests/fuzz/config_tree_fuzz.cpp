// Configuration comes from operators and through the doors, as JSON or XML. Whatever the text, it
// is refused with a reason, or read; and what was read is printed, in both formats, as what is read
// again; and is the same, if it is valid.
//
// The first byte tells the format. Modules, whose patterns may take long, are not from outside:
// they come from signed packages. There is no anydata among them: libyang 2.1 leaks what it has
// read of one that it refuses, and does not read again the attributes in one that it writes as
// JSON.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "config/config_tree.h"
#include "config/yang_schema.h"
#include "model/configuration.h"

namespace {

using cutover::ConfigFormat;
using cutover::ConfigTree;

const cutover::YangSchema& schema() {
    static const auto made = cutover::YangSchema::compile({R"(module net {
      yang-version 1.1; namespace "urn:net"; prefix n;
      import ietf-inet-types { prefix inet; }
      identity kind; identity ethernet { base kind; }
      container net {
        leaf hostname { type string { length "1..8"; } }
        list port {
          key "name"; unique "address";
          leaf name { type string { pattern '[a-z0-9]*'; } }
          leaf speed { type uint32; default 1000; must ". != 7"; }
          leaf peer { type leafref { path "../../port/name"; } }
          leaf address { type inet:ip-address; when "../speed"; }
          leaf kind { type identityref { base kind; } }
          leaf any { type union { type int8; type boolean; type string; } }
        }
        leaf-list dns { type string; ordered-by user; }
        container ntp { presence "used"; leaf server { type string; mandatory true; } }
        choice way { leaf up { type empty; } leaf down { type decimal64 { fraction-digits 3; } } }
        leaf at { type instance-identifier; }
        leaf flags { type bits { bit a; bit b; } }
        leaf bytes { type binary; }
      }
    })"});
    return *made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto format = data[0] == 'x' ? ConfigFormat::xml : ConfigFormat::json;
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    auto tree = ConfigTree::parse(schema(), text, format);
    if (!tree) {
        CUTOVER_CHECK(!tree.error().message.empty());
        return 0;
    }
    CUTOVER_CHECK(tree->print(ConfigFormat::tree));
    auto valid = tree->copy();
    const auto result = valid.validate();
    CUTOVER_CHECK(result || !result.error().message.empty());
    for (const auto to : {ConfigFormat::json, ConfigFormat::xml}) {
        const auto printed = tree->print(to);
        CUTOVER_CHECK(printed);
        const auto again = ConfigTree::parse(schema(), *printed, to);
        CUTOVER_CHECK(again);
        // What is twice in invalid data cannot be told apart.
        const auto same = tree->changes_to(*again);
        CUTOVER_CHECK(!result || (same && same->empty()));
    }
    return 0;
}
