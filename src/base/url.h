#pragma once

#include <string>
#include <string_view>

namespace cutover {

// Without user, password, query and fragment, and valid UTF-8: for replies and the log. What is no
// URL is given back as far as its first '?' or '#'.
std::string without_secrets(std::string_view url);

}  // namespace cutover
