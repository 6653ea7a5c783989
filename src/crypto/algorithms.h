#pragma once

#include <string>

namespace cutover {

// Whether OpenSSL, as it is set up on this device, offers what it knows by this name: a digest, a
// cipher, a MAC, a key derivation, a signature or a kind of key ("sha256", "aes-256-cfb",
// "ed25519").
bool offers_algorithm(const std::string& name);

}  // namespace cutover
