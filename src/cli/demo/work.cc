#include "cli/demo/work.h"

#include <algorithm>
#include <charconv>

namespace phoenix::demo {
namespace {

constexpr uint64_t kHandoffEvery = 10;

struct Skill {
  std::string_view name;
  std::string_view command;
};

// Ties in the order of words are broken by the word, so that two runs agree.
constexpr std::array<Skill, kSkills> kTable = {{
    {"digest", "sha256sum"},
    {"words", "tr -cs 'A-Za-z' '\\n' | sort | uniq -c | sort -k1,1nr -k2 | head -n 10"},
    {"compress", "gzip -c | wc -c"},
}};

// The first step's output goes on as the context; the second step prints it and then its own.
constexpr std::string_view kDispatch = R"(
steps=${PHOENIX_PACKET_ID%%.*}
first=${steps%-*}
second=${steps#*-}
if [ "$first" = "$second" ]; then
  "$first"
elif [ -z "$PHOENIX_CONTEXT_IN" ]; then
  context=$("$first" | base64 -w 0)
  printf '{"requiredCapabilities":["%s"],"contextBase64":"%s","reason":"%s is done"}' \
    "$second" "$context" "$first" >"$PHOENIX_HANDOFF_OUT"
else
  cat "$PHOENIX_CONTEXT_IN"
  "$second"
fi
)";

}  // namespace

std::string_view skill_name(int skill) { return kTable[static_cast<size_t>(skill)].name; }

std::string_view skill_command(int skill) { return kTable[static_cast<size_t>(skill)].command; }

std::string worker_script() {
  std::string out;
  for (const Skill& skill : kTable) {
    out.append(skill.name).append("() { ").append(skill.command).append("; }\n");
  }
  return out.append(kDispatch.substr(1));
}

std::vector<std::string> worker_capabilities(int kind) {
  return {std::string(skill_name(kind)), std::string(skill_name((kind + 1) % kSkills))};
}

int worker_kind(int64_t index) { return static_cast<int>(index % kSkills); }

Task task_of(uint64_t number, size_t files, int kinds) {
  Task task;
  task.file = static_cast<size_t>(number / kSkills) % files;
  task.first = static_cast<int>(number % kSkills);
  // Others in each round over all files, lest some files never go the plain way.
  const uint64_t round = number / (files * kSkills);
  if ((number + round) % kHandoffEvery != kHandoffEvery - 1) return task;
  const uint64_t turn = number / kHandoffEvery;
  const auto kind = static_cast<int>(turn % static_cast<uint64_t>(kinds));
  const auto other = static_cast<int>(turn / static_cast<uint64_t>(kinds) % 2);
  task.first = (kind + other) % kSkills;
  task.second = (kind + 2) % kSkills;
  return task;
}

std::vector<std::string> required_capabilities(const Task& task) {
  std::vector<std::string> out;
  for (int skill = 0; skill < kSkills; ++skill) {
    const bool wanted = task.second ? skill != *task.second : skill == task.first;
    if (wanted) out.emplace_back(skill_name(skill));
  }
  return out;
}

std::string packet_id(const Task& task, std::string_view tag, uint64_t number) {
  std::string id(skill_name(task.first));
  if (task.second) id.append("-").append(skill_name(*task.second));
  return id.append(".").append(tag).append(".").append(std::to_string(number));
}

std::optional<uint64_t> packet_number(std::string_view id, std::string_view tag) {
  const std::string middle = "." + std::string(tag) + ".";
  const size_t at = id.find(middle);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view digits = id.substr(at + middle.size());
  uint64_t number = 0;
  const char* end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return number;
}

std::string expected_result(const Task& task, const std::string& first, const std::string& second) {
  return task.second ? first + second : first;
}

}  // namespace phoenix::demo
