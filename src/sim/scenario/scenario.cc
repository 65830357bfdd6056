#include "sim/scenario/scenario.h"

#include <fmt/format.h>

#include <fstream>
#include <sstream>

#include "sim/scenario/player.h"
#include "sim/scenario/script.h"

namespace phoenix::sim {

Result<Played> play_script(
    std::string_view text,
    const std::function<std::vector<std::string>(const std::string& line)>& run) {
  auto script = parse_script(text);
  if (!script) return tl::unexpected(script.error());
  Played played;
  std::vector<std::vector<std::string>> outputs;
  for (const Block& block : script->blocks) {
    std::vector<std::string> lines;
    for (const std::string& command : block.commands) {
      for (std::string& line : run(command)) lines.push_back(std::move(line));
    }
    if (lines.empty()) lines.emplace_back("ok");
    if (lines != block.expected) {
      std::string difference = fmt::format("line {}: {}\n", block.line, block.commands.back());
      for (const std::string& line : block.expected) difference += "  expected: " + line + "\n";
      for (const std::string& line : lines) difference += "  printed:  " + line + "\n";
      played.differences.push_back(std::move(difference));
    }
    outputs.push_back(std::move(lines));
  }
  played.output = script_text(*script, outputs);
  return played;
}

Result<Played> play(std::string_view text) {
  Player player;
  return play_script(text, [&](const std::string& line) { return player.run(line); });
}

Result<Played> play_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file) {
    return fail(
        ErrorKind::kNotFound,
        fmt::format("the scenario {} cannot be read; name a file of tests/scenarios", path));
  }
  return play(text.str());
}

}  // namespace phoenix::sim
