// A host's refusal (RFC 9457, application/problem+json) as an Error, and both kinds of failure as
// the program's exit status.
#pragma once

#include "base/error.h"
#include "client/call.h"

namespace phoenix {

// Reads an answer of status 400 or above. The kind is the last segment of the document's type; a
// body that is no problem document (a proxy's page) gets the kind that fits the status best and a
// detail that says so. Retry-After counts if the document has no retryAfterMs.
Error parse_problem(const Answer& answer);

// For what went wrong before a host answered: two lines that say what to do.
//   no host answers at http://127.0.0.1:7400
//   start one: phoenix serve
std::string describe(const CallFailure& failure);

// The numbers of interface "Exit codes": 1 refused, 2 wrong use, 3 not found, 4 conflict,
// 5 no host reachable, 7 outcome open.
int exit_code(const Error& error);
int exit_code(const CallFailure& failure);

}  // namespace phoenix
