// The first line is a pattern, the rest a text. Whatever both say, the answer comes, and soon.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "membership/serf/pattern.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using phoenix::gossip::Pattern;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = input.find('\n');
  const auto pattern = Pattern::compile(input.substr(0, end));
  if (!pattern) return 0;
  const std::string_view text = end == std::string_view::npos ? "" : input.substr(end + 1, 512);
  const bool found = pattern->found_in(text);
  // A text that has it still has it with something in front, unless an anchor looks at that.
  const bool anchored = input.substr(0, end).find_first_of("^\\") != std::string_view::npos;
  if (found && !anchored && !pattern->found_in(std::string("x").append(text))) __builtin_trap();
  return 0;
}
