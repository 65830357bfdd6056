// How the ring looks to people: who is on it, a walk explained, a plan. Pure text; below each table
// stands what its figures count, as the host defines them, unless `definitions` is off.
#pragma once

#include <string>

#include "cli/json.h"

namespace phoenix::cli {

struct RingStyle {
  bool wide = false;
  bool color = false;
  bool definitions = true;
};

std::string ring_text(const Json& ring, const RingStyle& style);
std::string owner_text(const Json& owner, const RingStyle& style);
std::string plan_text(const Json& plan, const RingStyle& style);

}  // namespace phoenix::cli
