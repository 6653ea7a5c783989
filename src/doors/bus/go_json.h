#pragma once

#include <string>

namespace google::protobuf {
class Message;
}

namespace cutover {

// A message as Go's encoding/json writes the struct that is generated from it, which is how other
// device managers put JSON on the bus: names as in the .proto, enumerators as numbers, a time as
// {"seconds":,"nanos":}, what is chosen of a oneof as {"OneofName":{"FieldName":value}}, and no
// zeros. It is not protobuf's own JSON.
std::string go_json(const google::protobuf::Message& message);

}  // namespace cutover
