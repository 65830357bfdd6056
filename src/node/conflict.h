// Which refusals a call may meet only because the same call was carried out before, by another
// host.
#pragma once

#include "base/error.h"

namespace phoenix {

// Refused because of how the thing stands: by its status, epoch, owner or revision.
inline bool is_conflict(ErrorKind kind) {
  return http_status(kind) == 409 || http_status(kind) == 412;
}

}  // namespace phoenix
