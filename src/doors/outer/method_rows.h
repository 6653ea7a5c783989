#pragma once

// Of tests: whether Access knows all that a door serves.

#include <string>
#include <vector>

#include <google/protobuf/descriptor.h>

#include "access/method_roles.h"

namespace cutover {

// The methods of the services in that .proto file that have no row.
inline std::vector<std::string> methods_without_row(const google::protobuf::FileDescriptor& file) {
    std::vector<std::string> missing;
    for (int i = 0; i < file.service_count(); ++i)
        for (int j = 0; j < file.service(i)->method_count(); ++j) {
            const auto& method = *file.service(i)->method(j);
            const auto path = "/" + file.service(i)->full_name() + "/" + method.name();
            if (find_method(path) == nullptr) missing.push_back(path);
        }
    return missing;
}

}  // namespace cutover
