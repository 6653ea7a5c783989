#pragma once

#include <memory>
#include <string>

#include "cli/session.h"
#include "model/event.h"
#include "model/operation.h"

namespace cutover::cli {

// Shows how an operation gets on. On a terminal its stage at work is one line, drawn again in
// place; stages that are over stay above it. In a pipe each stage is one line when it is over.
// With --json every event and progress is a line on standard output.
class OperationView {
public:
    virtual ~OperationView() = default;
    virtual void update(const Operation& operation) = 0;  // first of all, and after each event
    virtual void event(const Event& event) = 0;
    virtual void progress(const Progress& progress) = 0;
    virtual void restarting() = 0;  // the connection is lost, and is being tried again
    virtual void finish() = 0;      // nothing comes after; what is drawn in place goes away
};

std::unique_ptr<OperationView> make_view(const Session& session, OperationId operation);

}  // namespace cutover::cli
