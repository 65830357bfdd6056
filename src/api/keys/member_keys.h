// Members that register with a key have to show that they hold it.
#pragma once

#include <string>
#include <vector>

#include "api/rest_call.h"

namespace phoenix {

// If a member with a key brings no proof, or one that answers no challenge of this pool from the
// last minute: answers 401 with what is to be signed, {"challenge","id","namespace","pool"} and for
// several members {"challenges":[{"id","challenge"}]}, and says true. Signatures are not looked at.
bool ask_for_proofs(const RestCallPtr& call, const std::vector<MemberRecord>& members,
                    const std::vector<std::string>& proofs);

}  // namespace phoenix
