#include "sim/scenario/script.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace phoenix::sim {

namespace {

constexpr std::string_view kDashes = "----";

std::vector<std::string> split(std::string_view text, char mark) {
  std::vector<std::string> parts;
  while (true) {
    const size_t end = text.find(mark);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

int64_t parse_number(std::string_view text, int64_t otherwise) {
  int64_t value = otherwise;
  (void)std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

Result<Script> parse_script(std::string_view text) {
  Script script;
  Block block;
  enum class Part { kBefore, kCommands, kExpected } part = Part::kBefore;
  std::vector<std::string> lines = split(text, '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  const auto close = [&] {
    script.blocks.push_back(std::exchange(block, {}));
    part = Part::kBefore;
  };
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string& line = lines[i];
    const bool quiet = line.empty() || line[0] == '#';
    if (part == Part::kExpected && line.empty()) close();
    if (part == Part::kBefore && quiet) {
      block.before.push_back(line);
    } else if (part == Part::kExpected) {
      block.expected.push_back(line);
    } else if (line == kDashes) {
      if (block.commands.empty()) {
        return fail(ErrorKind::kInvalidRequest,
                    fmt::format("line {}: no commands above ----", i + 1));
      }
      part = Part::kExpected;
    } else if (line.empty()) {
      return fail(ErrorKind::kInvalidRequest,
                  fmt::format("line {}: these commands lack their ----", i + 1));
    } else {
      if (part == Part::kBefore) block.line = i + 1;
      part = Part::kCommands;
      block.commands.push_back(line);
    }
  }
  if (part == Part::kCommands) {
    return fail(ErrorKind::kInvalidRequest, "the last commands lack their ----");
  }
  if (part == Part::kExpected) close();
  script.after = std::move(block.before);
  return script;
}

std::string script_text(const Script& script,
                        const std::vector<std::vector<std::string>>& outputs) {
  std::string text;
  const auto add = [&](const std::vector<std::string>& lines) {
    for (const std::string& line : lines) text += line + "\n";
  };
  for (size_t i = 0; i < script.blocks.size(); ++i) {
    add(script.blocks[i].before);
    add(script.blocks[i].commands);
    text += std::string(kDashes) + "\n";
    add(outputs[i]);
  }
  add(script.after);
  return text;
}

Words::Words(std::string_view line) {
  for (const std::string& word : split(line, ' ')) {
    if (word.empty()) continue;
    const size_t equals = word.find('=');
    if (verb_.empty()) {
      verb_ = word;
    } else if (equals != std::string::npos) {
      options_[word.substr(0, equals)] = word.substr(equals + 1);
    } else {
      arguments_.push_back(word);
    }
  }
}

const std::string& Words::argument(size_t i) const {
  static const std::string kNone;
  return i < arguments_.size() ? arguments_[i] : kNone;
}

bool Words::has(std::string_view option) const { return options_.find(option) != options_.end(); }

std::string Words::text(std::string_view option, std::string_view otherwise) const {
  const auto found = options_.find(option);
  return found == options_.end() ? std::string(otherwise) : found->second;
}

int64_t Words::number(std::string_view option, int64_t otherwise) const {
  const auto found = options_.find(option);
  return found == options_.end() ? otherwise : parse_number(found->second, otherwise);
}

std::vector<std::string> Words::list(std::string_view option) const {
  const std::string value = text(option);
  if (value.empty()) return {};
  std::vector<std::string> items = split(value, '+');
  std::ranges::sort(items);
  items.erase(std::ranges::unique(items).begin(), items.end());
  return items;
}

int64_t Words::millis(std::string_view option, int64_t otherwise) const {
  return has(option) ? parse_millis(text(option)) : otherwise;
}

bool Words::flag(std::string_view word) const {
  return std::ranges::find(arguments_, word) != arguments_.end();
}

int64_t parse_millis(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
  if (error != std::errc() || value < 0) return -1;
  if (unit == "ms") return value;
  if (unit == "s") return value * 1'000;
  if (unit == "m") return value * 60'000;
  return -1;
}

}  // namespace phoenix::sim
