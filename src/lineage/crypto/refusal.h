// How this folder says that something is not what it claims to be.
#pragma once

#include <string>
#include <utility>

#include <tl/expected.hpp>

#include "base/error.h"

namespace phoenix::lineage {

// `reason`: a code that callers and tests tell apart.
inline tl::unexpected<Error> refuse(const char* reason, std::string detail) {
  Error error;
  error.kind = ErrorKind::kForbidden;
  error.reason_code = reason;
  error.detail = std::move(detail);
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace phoenix::lineage
