#pragma once

#include <string>

namespace cutover {

// "amd64" for the machine name "x86_64"; other names that Debian uses as they are stay.
std::string debian_architecture(const std::string& machine);

std::string this_architecture();  // of the running kernel, as Debian names it

}  // namespace cutover
