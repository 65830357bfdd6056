// What the packets of the demo ask for: which file, which capability, whether to hand off half-way,
// and the shell text that the workers run. Pure.
//
// A packet's id says what is to be done ("digest.x1.17", "digest-words.x1.19"), since the id is
// what CMD is told. A packet that is handed off asks for two capabilities at first, the pair that
// lacks the second step's, so that whoever has it must hand it to somebody else.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace phoenix::demo {

inline constexpr int kSkills = 3;
std::string_view skill_name(int skill);
// The program behind a capability as one line of shell: stdin to stdout.
std::string_view skill_command(int skill);
// What every worker runs: the step that the packet's id asks for.
std::string worker_script();

// The overlapping pairs of capabilities that workers have: kind 0, 1, 2, 0, …
std::vector<std::string> worker_capabilities(int kind);
int worker_kind(int64_t index);

struct Task {
  size_t file = 0;
  int first = 0;
  std::optional<int> second;  // handed off to it, with the first one's output as context
  bool operator==(const Task&) const = default;
};

// The n-th packet; every tenth is handed off. Files times skills once, then again from the start.
// Requires: files > 0. `kinds` is how many kinds of workers there are (1..3).
Task task_of(uint64_t number, size_t files, int kinds);
std::vector<std::string> required_capabilities(const Task& task);
// `tag` tells apart the packets of several runs on one data folder.
std::string packet_id(const Task& task, std::string_view tag, uint64_t number);
// The number in such an id; nullopt if it is another's.
std::optional<uint64_t> packet_number(std::string_view id, std::string_view tag);

// What a packet's result must be, from the outputs of its commands: both in turn.
std::string expected_result(const Task& task, const std::string& first, const std::string& second);

}  // namespace phoenix::demo
