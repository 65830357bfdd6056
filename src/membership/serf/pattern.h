// Regular expressions as the tag filters of queries have them: the part of Go's syntax that people
// use, matched in time proportional to pattern times text whatever either says, because both come
// from the network. A text matches if the pattern is found anywhere in it.
//
// Literals, `.`, classes `[a-z]` `[^…]` `[[:alpha:]]` `\d \w \s` and their opposites, groups `(…)`
// `(?:…)` `(?P<n>…)`, `|`, `* + ? {n} {n,} {n,m}` and their lazy forms, anchors `^ $ \A \z \b \B`,
// escapes of punctuation, `\t \n \r \f \v \a`, `\x41`, `\x{1F600}`; `(?i)` in front folds ASCII.
// UTF-8 throughout; a byte that is none counts as U+FFFD. Not known, and refused: other flags,
// `\p{…}`, `\Q…\E`, octal escapes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace phoenix::gossip {

class Pattern {
 public:
  static constexpr size_t kLongest = 512;       // bytes of a pattern
  static constexpr size_t kMostSteps = 512;     // of its program
  static constexpr int kDeepest = 32;           // groups within groups
  static constexpr int kMostRepetitions = 512;  // in {n,m}

  // Nothing: not a pattern, or beyond the bounds.
  static std::optional<Pattern> compile(std::string_view expression);
  bool found_in(std::string_view text) const;

 private:
  friend class PatternParser;

  enum class Op : uint8_t {
    kRunes,  // takes one rune of the set `x`
    kSplit,  // goes on at both `x` and `y`
    kJump,   // goes on at `x`
    kStart,  // this and the following: goes on if it holds here
    kEnd,
    kBoundary,
    kNoBoundary,
  };
  // Where to go on is relative to the step itself, so that parts can be copied and joined.
  struct Step {
    Op op = Op::kJump;
    int32_t x = 0, y = 0;
  };
  using Code = std::vector<Step>;
  struct Runes {
    std::vector<std::pair<char32_t, char32_t>> ranges;  // both ends included
    bool negated = false;
    bool has(char32_t rune) const;
  };
  struct Place;
  class Threads;

  Code code_;  // found: the end is reached
  std::vector<Runes> sets_;
  bool fold_ = false;
};

}  // namespace phoenix::gossip
