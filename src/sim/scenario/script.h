// A scenario's text: blocks of commands with what they print.
//
//   # Comments and blank lines stay as they are.
//   register w1 caps=ocr
//   submit p1 requires=ocr
//   ----
//   w1 ACTIVE incarnation=1
//   p1 ASSIGNED owner=w1 epoch=1 revision=1
//
// A block is its command lines, a line of four dashes, and the output up to the next blank line.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace phoenix::sim {

struct Block {
  std::vector<std::string> before;  // comments and blank lines
  std::vector<std::string> commands;
  std::vector<std::string> expected;
  size_t line = 0;  // of its first command, from 1
};
struct Script {
  std::vector<Block> blocks;
  std::vector<std::string> after;
};

Result<Script> parse_script(std::string_view text);
// The script's text, with outputs[i] below the commands of block i.
std::string script_text(const Script& script, const std::vector<std::vector<std::string>>& outputs);

// "verb ARG... key=value... flag": a word with "=" is an option, others are arguments.
class Words {
 public:
  explicit Words(std::string_view line);
  const std::string& verb() const { return verb_; }
  // Argument i, or an empty text.
  const std::string& argument(size_t i) const;
  bool has(std::string_view option) const;
  std::string text(std::string_view option, std::string_view otherwise = "") const;
  int64_t number(std::string_view option, int64_t otherwise) const;
  // "a+b": sorted, unique.
  std::vector<std::string> list(std::string_view option) const;
  // "1500ms", "25s", "2m"; milliseconds.
  int64_t millis(std::string_view option, int64_t otherwise) const;
  bool flag(std::string_view word) const;

 private:
  std::string verb_;
  std::vector<std::string> arguments_;
  std::map<std::string, std::string, std::less<>> options_;
};

// Of "1500ms", "25s", "2m"; -1 if it is none.
int64_t parse_millis(std::string_view text);

}  // namespace phoenix::sim
