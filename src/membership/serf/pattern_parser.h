// Reads the text of a Pattern into its program. Used by pattern.cc alone.
//
//   alternatives := sequence { "|" sequence }
//   sequence     := { atom [ "*" | "+" | "?" | "{" n [ "," [ m ] ] "}" ] [ "?" ] }
#pragma once

#include <optional>
#include <string_view>

#include "membership/serf/pattern.h"

namespace phoenix::gossip {

inline constexpr char32_t kReplacement = 0xFFFD;  // stands for what is no UTF-8
inline constexpr char32_t kLastRune = 0x10FFFF;

constexpr char32_t to_lower(char32_t rune) {
  return rune >= 'A' && rune <= 'Z' ? rune + ('a' - 'A') : rune;
}

// What \b stands at the edge of.
constexpr bool is_word(char32_t rune) {
  return (rune >= '0' && rune <= '9') || (to_lower(rune) >= 'a' && to_lower(rune) <= 'z') ||
         rune == '_';
}

// Reads a text rune by rune.
class RuneReader {
 public:
  explicit RuneReader(std::string_view text) : text_(text) {}
  bool at_end() const { return position_ == text_.size(); }
  // Requires: not at the end.
  char32_t next();
  // Whether this follows, which is then skipped.
  bool skip(std::string_view expected);
  bool starts_with(std::string_view expected) const { return rest().starts_with(expected); }
  std::string_view rest() const { return text_.substr(position_); }
  bool is_utf8() const { return utf8_; }  // so far

 private:
  std::string_view text_;
  size_t position_ = 0;
  bool utf8_ = true;
};

class PatternParser {
 public:
  explicit PatternParser(std::string_view expression) : in_(expression), size_(expression.size()) {}
  std::optional<Pattern> parse();

 private:
  using Op = Pattern::Op;
  using Step = Pattern::Step;
  using Code = Pattern::Code;
  using Runes = Pattern::Runes;
  struct Repetition {
    int least = 0, most = 0;  // most -1: any number
  };

  Code alternatives();
  Code sequence();
  Code atom();
  Code group();
  Code escape();
  Code set();
  void set_item(Runes& runes);
  bool named_class(Runes& runes);

  std::optional<Repetition> repetition();
  std::optional<Repetition> counted();
  Code repeat(const Code& code, const Repetition& times);
  // The rune that an escape stands for, the backslash being read.
  char32_t escaped_rune();
  char32_t hex_rune();

  Code take(Runes runes);
  // Refuses what gets too long.
  void append(Code& code, const Code& more);
  void refuse() { ok_ = false; }

  RuneReader in_;
  size_t size_;
  bool ok_ = true;
  int depth_ = 0;
  Pattern pattern_;
};

}  // namespace phoenix::gossip
