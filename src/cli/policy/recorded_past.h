// What policies have decided and a host still knows of, as cases that other policies can be asked:
// registrations, retirements, changes of owner, refusals, and packets that wait because of a policy
// now. Who and what they were about is as the host knows it today; who was refused to register, to
// change or to leave as it asked.
#pragma once

#include <cstddef>
#include <vector>

#include "cli/api.h"
#include "cli/context.h"
#include "manifest/app/model.h"
#include "manifest/policies/cases.h"

namespace phoenix::cli {

struct RecordedPast {
  std::vector<manifest::PolicyCase> cases;  // `expect`: what was decided; `test`: the event
  size_t unknown = 0;    // decisions about members that neither the host nor the app knows
  size_t undecided = 0;  // refusals of which the record has only that they were
  bool is_whole = true;  // false: the record of refusals is not for this caller
};

// Of the namespace that is asked for, else of all that the app uses. Members that the host has
// forgotten are taken as the app declares them.
Outcome<RecordedPast> recorded_past(Context& context, const manifest::App& app, const char* what);

}  // namespace phoenix::cli
