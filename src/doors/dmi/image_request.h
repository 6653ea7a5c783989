#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "model/device.h"

namespace dmi {
class ImageInformation;
}

namespace cutover::dmi_wire {

// What the engine is asked to do about this image: its URL with the digest that is wanted, and
// which base it must be. Refuses, as door.dmi_bad_request, an install script of the client's own.
Result<Request> install_request(const ::dmi::ImageInformation& image);

// An http, https, file, sftp or scp URL to fetch from: door.dmi_bad_request for another one, one of
// more than 4096 bytes, and one with what cannot be in a URL.
Result<> check_source_url(std::string_view url);

// A URL as replies and logs tell it: without secrets, and nothing of one that is too long.
std::string shown_url(std::string_view url);

// Where debug information is uploaded to: the file of this name in the folder that an http, https,
// sftp or scp URL names. Errors as above.
Result<std::string> upload_url(std::string_view folder, std::string_view file);

// A name of at most 200 characters that every server can store: letters, digits, dots, dashes.
std::string plain_name(std::string_view name);

}  // namespace cutover::dmi_wire
