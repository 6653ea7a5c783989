#pragma once

#include "base/error.h"
#include "cutover/v1/device.pb.h"
#include "model/device.h"

// The model's values on the wire and back. What comes from the wire is from outside: an enumerator
// that is not known, a version that is none, or more than the limits allow is an error.
namespace cutover::wire {

v1::DeviceState from(const DeviceState& state);
v1::Operation from(const Operation& operation);
v1::PreviewReply from(const Preview& preview);
v1::Request from(const Request& request);
v1::FeedItem from(const FeedItem& item);
v1::FollowRequest from(const FollowRequest& request);
v1::GetLogRequest from(const LogRequest& request);
v1::Error from(const Error& error);

Result<DeviceState> to_model(const v1::DeviceState& wire);
Result<Operation> to_model(const v1::Operation& wire);
Result<Preview> to_model(const v1::PreviewReply& wire);
Result<Request> to_model(const v1::Request& wire);
Result<FeedItem> to_model(const v1::FeedItem& wire);
FollowRequest to_model(const v1::FollowRequest& wire);
Result<LogRequest> to_model(const v1::GetLogRequest& wire);
Error to_model(const v1::Error& wire);

}  // namespace cutover::wire
