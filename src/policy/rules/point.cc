#include "policy/rules/point.h"

#include <array>
#include <string>

namespace phoenix::policy {
namespace {

constexpr std::array<std::string_view, kPoints> kPointNames = {"can-register", "can-assign",
                                                               "can-handoff", "can-retire"};
constexpr std::array<std::string_view, 3> kVerdictNames = {"allow", "require-approval", "deny"};

// Letters in lower case, and nothing between words: "CanRegister" and "can-register" are one.
std::string bare(std::string_view name) {
  std::string letters;
  for (const char c : name) {
    if (c == '-' || c == '_') continue;
    letters.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  }
  return letters;
}

template <class Enum, size_t N>
std::optional<Enum> named(const std::array<std::string_view, N>& names, std::string_view name) {
  const std::string wanted = bare(name);
  for (size_t at = 0; at < N; ++at) {
    if (bare(names[at]) == wanted) return static_cast<Enum>(at);
  }
  return std::nullopt;
}

}  // namespace

std::string_view point_name(Point point) { return kPointNames[static_cast<size_t>(point)]; }
std::optional<Point> point_from_name(std::string_view name) {
  return named<Point>(kPointNames, name);
}

std::string_view verdict_name(Verdict verdict) {
  return kVerdictNames[static_cast<size_t>(verdict)];
}
std::optional<Verdict> verdict_from_name(std::string_view name) {
  return named<Verdict>(kVerdictNames, name);
}

}  // namespace phoenix::policy
