// The policies of an app, from their documents to the compiled set that decides.
#pragma once

#include <memory>
#include <vector>

#include "manifest/app/model.h"
#include "policy/rules/policy_set.h"

namespace phoenix::manifest {

// Policies whose target is no point are left out. What the app's governance asks for is one more at
// each point where somebody gets work. A condition of v1alpha1 that cannot be read, which the
// original never looked at, is a warning, and a rule that denies.
std::vector<policy::PolicySource> policy_sources(const App& app, Findings* findings);

// Null if there are errors, which are among the findings. load_app() has asked it once, so who asks
// again has been told them already.
std::shared_ptr<const policy::PolicySet> compile_policies(const App& app, Findings* findings);

}  // namespace phoenix::manifest
