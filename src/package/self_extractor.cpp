#include "package/self_extractor.h"

#include <string>
#include <string_view>

#include "package/tar.h"

namespace cutover {
namespace {

std::string make_block() {
    std::string script =
        "#!/bin/sh\n"
        "# A package of cutover, signed; nothing of it runs before it is verified.\n"
        "command -v cutover >/dev/null || {\n"
        "    echo \"$0: cutover is not installed here\" >&2\n"
        "    exit 127\n"
        "}\n"
        "case \"$0\" in\n"
        "/*) exec cutover upgrade \"$0\" \"$@\" ;;\n"
        "*) exec cutover upgrade \"./$0\" \"$@\" ;;\n"
        "esac\n"
        "exit 127\n";
    script += '#';
    script.resize(tar::kBlock - 1, '-');
    return script + '\n';
}

}  // namespace

std::string_view self_extractor() {
    static const std::string block = make_block();
    return block;
}

}  // namespace cutover
