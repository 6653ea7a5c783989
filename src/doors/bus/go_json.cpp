#include "doors/bus/go_json.h"

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

namespace cutover {
namespace {

using Json = nlohmann::ordered_json;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

Json fields_of(const Message& message);

// int_val is IntVal: the name of the struct's member.
std::string go_name(std::string_view name) {
    std::string result;
    bool upper = true;
    for (const char letter : name) {
        const bool lower_case = letter >= 'a' && letter <= 'z';
        if (letter != '_') result += upper && lower_case ? static_cast<char>(letter - 32) : letter;
        upper = letter == '_';
    }
    return result;
}

Json single(const Message& message, const FieldDescriptor& field) {
    const auto& reflection = *message.GetReflection();
    switch (field.cpp_type()) {
        case FieldDescriptor::CPPTYPE_INT32: return reflection.GetInt32(message, &field);
        case FieldDescriptor::CPPTYPE_INT64: return reflection.GetInt64(message, &field);
        case FieldDescriptor::CPPTYPE_UINT32: return reflection.GetUInt32(message, &field);
        case FieldDescriptor::CPPTYPE_UINT64: return reflection.GetUInt64(message, &field);
        case FieldDescriptor::CPPTYPE_DOUBLE: return reflection.GetDouble(message, &field);
        case FieldDescriptor::CPPTYPE_FLOAT: return reflection.GetFloat(message, &field);
        case FieldDescriptor::CPPTYPE_BOOL: return reflection.GetBool(message, &field);
        case FieldDescriptor::CPPTYPE_ENUM: return reflection.GetEnumValue(message, &field);
        case FieldDescriptor::CPPTYPE_STRING: return reflection.GetString(message, &field);
        case FieldDescriptor::CPPTYPE_MESSAGE:
            return fields_of(reflection.GetMessage(message, &field));
    }
    return nullptr;
}

Json element(const Message& message, const FieldDescriptor& field, int index) {
    const auto& reflection = *message.GetReflection();
    switch (field.cpp_type()) {
        case FieldDescriptor::CPPTYPE_INT32:
            return reflection.GetRepeatedInt32(message, &field, index);
        case FieldDescriptor::CPPTYPE_INT64:
            return reflection.GetRepeatedInt64(message, &field, index);
        case FieldDescriptor::CPPTYPE_UINT32:
            return reflection.GetRepeatedUInt32(message, &field, index);
        case FieldDescriptor::CPPTYPE_UINT64:
            return reflection.GetRepeatedUInt64(message, &field, index);
        case FieldDescriptor::CPPTYPE_DOUBLE:
            return reflection.GetRepeatedDouble(message, &field, index);
        case FieldDescriptor::CPPTYPE_FLOAT:
            return reflection.GetRepeatedFloat(message, &field, index);
        case FieldDescriptor::CPPTYPE_BOOL:
            return reflection.GetRepeatedBool(message, &field, index);
        case FieldDescriptor::CPPTYPE_ENUM:
            return reflection.GetRepeatedEnumValue(message, &field, index);
        case FieldDescriptor::CPPTYPE_STRING:
            return reflection.GetRepeatedString(message, &field, index);
        case FieldDescriptor::CPPTYPE_MESSAGE:
            return fields_of(reflection.GetRepeatedMessage(message, &field, index));
    }
    return nullptr;
}

// A message that is there and empty is {}; a oneof stands where its first field does.
Json fields_of(const Message& message) {
    auto json = Json::object();
    const auto& descriptor = *message.GetDescriptor();
    const auto& reflection = *message.GetReflection();
    for (int i = 0; i < descriptor.field_count(); ++i) {
        const auto& field = *descriptor.field(i);
        if (field.is_repeated()) {
            for (int at = 0; at < reflection.FieldSize(message, &field); ++at)
                json[field.name()].push_back(element(message, field, at));
        } else if (const auto* const oneof = field.real_containing_oneof()) {
            if (reflection.HasField(message, &field))
                json[go_name(oneof->name())] = {{go_name(field.name()), single(message, field)}};
        } else if (reflection.HasField(message, &field)) {
            json[field.name()] = single(message, field);
        }
    }
    return json;
}

}  // namespace

std::string go_json(const Message& message) {
    return fields_of(message).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace cutover
