#include "membership/serf/pattern.h"

#include <algorithm>

#include "membership/serf/pattern_parser.h"

namespace phoenix::gossip {
bool Pattern::Runes::has(char32_t rune) const {
  const bool in = std::any_of(ranges.begin(), ranges.end(), [rune](const auto& range) {
    return rune >= range.first && rune <= range.second;
  });
  return in != negated;
}

// A place between two runes; a rune is 0 where the text begins or ends.
struct Pattern::Place {
  bool at_start = true, at_end = false;
  char32_t before = 0, after = 0;

  bool is_boundary() const { return is_word(before) != is_word(after); }
};

// The steps at which the search stands, all at once: each at most once, so that a text costs at
// most its length times the program's, and loops that take nothing end.
class Pattern::Threads {
 public:
  explicit Threads(const Code& code) : code_(code), seen_(code.size() + 1) {}

  void arrive(size_t step) { pending_.push_back(step); }

  // Everything that can be reached from where threads arrived without taking a rune.
  void settle(const Place& place) {
    for (const size_t at : settled_) seen_[at] = false;
    settled_.clear();
    while (!pending_.empty()) {
      const size_t at = pending_.back();
      pending_.pop_back();
      if (seen_[at]) continue;
      seen_[at] = true;
      settled_.push_back(at);
      if (at < code_.size()) follow(at, place);
    }
  }
  bool found() const { return seen_[code_.size()]; }
  const std::vector<size_t>& settled() const { return settled_; }

 private:
  void follow(size_t at, const Place& place) {
    const Step& step = code_[at];
    switch (step.op) {
      case Op::kRunes:
        return;
      case Op::kSplit:
        arrive(at + static_cast<size_t>(step.y));
        [[fallthrough]];
      case Op::kJump:
        return arrive(at + static_cast<size_t>(step.x));
      case Op::kStart:
        return follow_if(place.at_start, at);
      case Op::kEnd:
        return follow_if(place.at_end, at);
      case Op::kBoundary:
        return follow_if(place.is_boundary(), at);
      case Op::kNoBoundary:
        return follow_if(!place.is_boundary(), at);
    }
  }
  void follow_if(bool holds, size_t at) {
    if (holds) arrive(at + 1);
  }

  const Code& code_;
  std::vector<bool> seen_;
  std::vector<size_t> settled_, pending_;
};

std::optional<Pattern> Pattern::compile(std::string_view expression) {
  return PatternParser(expression).parse();
}

bool Pattern::found_in(std::string_view text) const {
  Threads threads(code_);
  RuneReader reader(text);
  Place place;
  while (true) {
    place.at_end = reader.at_end();
    place.after = place.at_end ? 0 : reader.next();
    threads.arrive(0);  // it may begin anywhere
    threads.settle(place);
    if (threads.found()) return true;
    if (place.at_end) return false;
    const char32_t rune = fold_ ? to_lower(place.after) : place.after;
    for (const size_t at : threads.settled()) {
      if (at == code_.size() || code_[at].op != Op::kRunes) continue;
      if (sets_[static_cast<size_t>(code_[at].x)].has(rune)) threads.arrive(at + 1);
    }
    place.at_start = false;
    place.before = place.after;
  }
}

}  // namespace phoenix::gossip
