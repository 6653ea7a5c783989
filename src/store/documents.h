#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "model/generation.h"
#include "model/plan.h"
#include "store/outbox.h"
#include "store/store.h"

// How the store writes values down: JSON documents. A key that an older agent wrote no value for
// reads as its default, and a key that a newer one added is passed over, for during a trial the old
// and the new agent share the database.
namespace cutover {

std::string to_document(const Generation& generation);
std::string to_document(const SlotStatus& slot);
std::string to_document(const OperationRecord& record);
std::string to_document(const Alarm& alarm);
std::string to_document(const Depot& depot);
std::string to_document(const OutboxEvent& event);  // without its sequence number

Result<Generation> generation_from(std::string_view document);
Result<SlotStatus> slot_status_from(std::string_view document);
Result<OperationRecord> operation_record_from(std::string_view document);
Result<Depot> depot_from(std::string_view document);
Result<Alarm> alarm_from(std::string_view document);
Result<OutboxEvent> outbox_event_from(std::string_view document);

}  // namespace cutover
