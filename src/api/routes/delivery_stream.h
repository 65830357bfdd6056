// S/stream: deliveries as Server-Sent Events. `id:` stands on the last event of what the host gave
// at once, so that a stream that breaks in between acknowledges nothing that was not sent.
#pragma once

#include "api/rest_call.h"

namespace phoenix {

void open_delivery_stream(const RestCallPtr& call, Caller caller, OpenStream command);

}  // namespace phoenix
