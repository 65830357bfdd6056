#include "sim/check/violation.h"

#include <fmt/format.h>

namespace phoenix::sim {

std::string violation_json(const std::optional<Violation>& violation) {
  if (!violation) return "null";
  return fmt::format("{{\"invariant\":\"{}\",\"what\":\"{}\"}}",
                     invariant_name(violation->invariant), violation->what);
}

}  // namespace phoenix::sim
