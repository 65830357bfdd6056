// Packets that an app's own policies keep from all of its agents.
#pragma once

#include "manifest/app/model.h"
#include "policy/rules/policy_set.h"

namespace phoenix::manifest {

// A packet counts if some agent could do it but for the policies, and each of these is denied by a
// rule whatever becomes of it: one that reads neither time nor load, nor what changes while the
// packet lives. Requires: `policies` are the app's.
void find_who_is_denied(const App& app, const policy::PolicySet& policies, Findings* findings);

}  // namespace phoenix::manifest
