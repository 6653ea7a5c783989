#pragma once

#include <string>

namespace google::protobuf {
class Message;
}
namespace grpc {
class Status;
}

namespace cutover {

// How a call ended, as the audit log tells it.
struct Outcome {
    std::string result = "ok";  // or an error's id, or its nearest name
    std::string detail;
};

// Errors of DMI and of gnoi.os are in the reply and not in the status: `status` and `reason` with
// `reason_detail`; a field ..._error with `type` and `detail`. Of a configuration's commit the
// detail is its revision.
Outcome outcome_in(const google::protobuf::Message& reply);

// Of a status that is not OK.
Outcome outcome_of(const grpc::Status& status);

// What a request is about: its URL without secrets, its file or its version. Empty for others.
std::string subject_of(const google::protobuf::Message& request);

}  // namespace cutover
