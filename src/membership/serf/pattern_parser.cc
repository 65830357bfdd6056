#include "membership/serf/pattern_parser.h"

#include <algorithm>
#include <array>

namespace phoenix::gossip {
namespace {

using Ranges = std::vector<std::pair<char32_t, char32_t>>;

struct NamedClass {
  std::string_view name;
  std::string_view ends;  // pairs of first and last
};
constexpr std::array kNamedClasses = {
    NamedClass{"alnum", "09AZaz"},
    NamedClass{"alpha", "AZaz"},
    NamedClass{"ascii", {"\0\x7f", 2}},
    NamedClass{"blank", "\t\t  "},
    NamedClass{"cntrl", {"\0\x1f\x7f\x7f", 4}},
    NamedClass{"digit", "09"},
    NamedClass{"graph", "!~"},
    NamedClass{"lower", "az"},
    NamedClass{"print", " ~"},
    NamedClass{"punct", "!/:@[`{~"},
    NamedClass{"space", "\t\r  "},
    NamedClass{"upper", "AZ"},
    NamedClass{"word", "09AZ__az"},
    NamedClass{"xdigit", "09AFaf"},
};

Ranges ranges_of(std::string_view ends) {
  Ranges ranges;
  for (size_t i = 0; i + 1 < ends.size(); i += 2) {
    ranges.emplace_back(static_cast<unsigned char>(ends[i]),
                        static_cast<unsigned char>(ends[i + 1]));
  }
  return ranges;
}

// All that is in none of them. Requires: in order, apart from each other.
Ranges opposite(const Ranges& ranges) {
  Ranges gaps;
  char32_t next = 0;
  for (const auto& [first, last] : ranges) {
    if (first > next) gaps.emplace_back(next, first - 1);
    next = last + 1;
  }
  gaps.emplace_back(next, kLastRune);
  return gaps;
}

// The set behind \d, \D, \s, \S, \w, \W; nothing for other letters.
std::optional<Ranges> letter_class(char32_t letter) {
  Ranges ranges;
  switch (to_lower(letter)) {
    case 'd':
      ranges = ranges_of("09");
      break;
    case 's':
      ranges = ranges_of("\t\n\f\r  ");
      break;
    case 'w':
      ranges = ranges_of("09AZ__az");
      break;
    default:
      return std::nullopt;
  }
  return letter == to_lower(letter) ? ranges : opposite(ranges);
}

bool is_ascii_punctuation(char32_t rune) {
  return rune > ' ' && rune < 0x7f && (rune == '_' || !is_word(rune));
}

int hex_value(char32_t rune) {
  if (rune >= '0' && rune <= '9') return static_cast<int>(rune - '0');
  const char32_t lower = to_lower(rune);
  if (lower >= 'a' && lower <= 'f') return static_cast<int>(lower - 'a') + 10;
  return -1;
}

}  // namespace

char32_t RuneReader::next() {
  const auto byte_at = [this](size_t i) {
    return static_cast<unsigned char>(text_[position_ + i]);
  };
  const unsigned char first = byte_at(0);
  size_t size = 1;
  char32_t rune = first;
  char32_t least = 0;  // of a rune that needs so many bytes
  if (first >= 0xf0 && first < 0xf8) {
    size = 4, rune = first & 0x07, least = 0x10000;
  } else if (first >= 0xe0) {
    size = 3, rune = first & 0x0f, least = 0x800;
  } else if (first >= 0xc0) {
    size = 2, rune = first & 0x1f, least = 0x80;
  }
  bool good = (first < 0x80 || first >= 0xc0) && first < 0xf8 && size <= text_.size() - position_;
  for (size_t i = 1; good && i < size; ++i) {
    good = (byte_at(i) & 0xc0) == 0x80;
    rune = rune << 6 | (byte_at(i) & 0x3f);
  }
  good = good && rune >= least && rune <= kLastRune && (rune < 0xd800 || rune > 0xdfff);
  utf8_ = utf8_ && good;
  position_ += good ? size : 1;
  return good ? rune : kReplacement;
}

bool RuneReader::skip(std::string_view expected) {
  if (!starts_with(expected)) return false;
  position_ += expected.size();
  return true;
}

std::optional<Pattern> PatternParser::parse() {
  if (size_ > Pattern::kLongest) return std::nullopt;
  pattern_.fold_ = in_.skip("(?i)");
  Code code = alternatives();
  if (!ok_ || !in_.at_end() || !in_.is_utf8()) return std::nullopt;
  pattern_.code_ = std::move(code);
  return std::move(pattern_);
}

Pattern::Code PatternParser::alternatives() {
  Code code = sequence();
  while (ok_ && in_.skip("|")) {
    const Code other = sequence();
    const auto first_size = static_cast<int32_t>(code.size());
    Code both{{Op::kSplit, 1, first_size + 2}};
    append(both, code);
    append(both, {{Op::kJump, static_cast<int32_t>(other.size()) + 1, 0}});
    append(both, other);
    code = std::move(both);
  }
  return code;
}

Pattern::Code PatternParser::sequence() {
  Code code;
  while (ok_ && !in_.at_end() && !in_.starts_with("|") && !in_.starts_with(")")) {
    const Code one = atom();
    const auto times = repetition();
    if (!ok_) break;
    append(code, times ? repeat(one, *times) : one);
    if (times && repetition()) refuse();  // of a repetition: Go refuses it, too
  }
  return code;
}

Pattern::Code PatternParser::atom() {
  if (in_.skip("(")) return group();
  if (in_.skip("[")) return set();
  if (in_.skip("\\")) return escape();
  if (in_.skip("^")) return {{Op::kStart}};
  if (in_.skip("$")) return {{Op::kEnd}};
  if (in_.skip(".")) return take({{{'\n', '\n'}}, true});
  if (repetition()) {  // of nothing
    refuse();
    return {};
  }
  const char32_t rune = in_.next();
  return take({{{rune, rune}}});
}

Pattern::Code PatternParser::group() {
  if (in_.skip("?P<") || in_.skip("?<")) {
    if (in_.starts_with(">")) refuse();
    while (ok_ && !in_.skip(">")) {
      if (in_.at_end() || !is_word(in_.next())) refuse();
    }
  } else if (!in_.skip("?:") && in_.starts_with("?")) {
    refuse();
  }
  if (++depth_ > Pattern::kDeepest) refuse();
  Code code;
  if (ok_) code = alternatives();
  --depth_;
  if (!in_.skip(")")) refuse();
  return code;
}

Pattern::Code PatternParser::escape() {
  if (in_.skip("A")) return {{Op::kStart}};
  if (in_.skip("z")) return {{Op::kEnd}};
  if (in_.skip("b")) return {{Op::kBoundary}};
  if (in_.skip("B")) return {{Op::kNoBoundary}};
  if (in_.at_end()) {
    refuse();
    return {};
  }
  if (auto ranges = letter_class(static_cast<unsigned char>(in_.rest().front()))) {
    in_.next();
    return take({std::move(*ranges)});
  }
  const char32_t rune = escaped_rune();
  return take({{{rune, rune}}});
}

char32_t PatternParser::escaped_rune() {
  if (in_.at_end()) {
    refuse();
    return 0;
  }
  const char32_t rune = in_.next();
  switch (rune) {
    case 'a':
      return '\a';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'v':
      return '\v';
    case 'x':
      return hex_rune();
    default:
      break;
  }
  if (!is_ascii_punctuation(rune)) refuse();
  return rune;
}

char32_t PatternParser::hex_rune() {
  const bool braces = in_.skip("{");
  char32_t rune = 0;
  int digits = 0;
  const int most = braces ? 8 : 2;
  while (digits < most && !in_.at_end() &&
         hex_value(static_cast<unsigned char>(in_.rest()[0])) >= 0) {
    rune = rune * 16 + static_cast<char32_t>(hex_value(in_.next()));
    ++digits;
  }
  if (digits == 0 || (!braces && digits != 2) || rune > kLastRune) refuse();
  if (braces && !in_.skip("}")) refuse();
  return rune;
}

Pattern::Code PatternParser::set() {
  Runes runes;
  runes.negated = in_.skip("^");
  bool first = true;
  while (ok_ && !in_.at_end() && (first || !in_.starts_with("]"))) {
    first = false;
    set_item(runes);
  }
  if (!in_.skip("]")) refuse();
  return take(std::move(runes));
}

// One rune, a range of them, or a class.
void PatternParser::set_item(Runes& runes) {
  if (in_.starts_with("[:") && named_class(runes)) return;
  const auto one = [this] { return in_.skip("\\") ? escaped_rune() : in_.next(); };
  if (in_.starts_with("\\") && in_.rest().size() > 1) {
    if (const auto ranges = letter_class(static_cast<unsigned char>(in_.rest()[1]))) {
      in_.next();
      in_.next();
      runes.ranges.insert(runes.ranges.end(), ranges->begin(), ranges->end());
      return;
    }
  }
  const char32_t low = one();
  char32_t high = low;
  if (in_.rest().size() > 1 && in_.starts_with("-") && in_.rest()[1] != ']') {
    in_.next();
    high = one();
  }
  if (high < low) refuse();
  runes.ranges.emplace_back(low, high);
}

bool PatternParser::named_class(Runes& runes) {
  const std::string_view rest = in_.rest();
  const size_t end = rest.find(":]");
  if (end == std::string_view::npos) return false;
  std::string_view name = rest.substr(2, end - 2);
  const bool negated = name.starts_with("^");
  if (negated) name.remove_prefix(1);
  const auto* const found = std::find_if(kNamedClasses.begin(), kNamedClasses.end(),
                                         [name](const NamedClass& c) { return c.name == name; });
  if (found == kNamedClasses.end()) {
    refuse();
    return true;
  }
  const Ranges ranges = negated ? opposite(ranges_of(found->ends)) : ranges_of(found->ends);
  runes.ranges.insert(runes.ranges.end(), ranges.begin(), ranges.end());
  return in_.skip(rest.substr(0, end + 2));
}

// The repetition that follows, if one does. Whether it is lazy decides what is found first, not
// whether something is.
std::optional<PatternParser::Repetition> PatternParser::repetition() {
  std::optional<Repetition> times;
  if (in_.skip("*")) {
    times = {0, -1};
  } else if (in_.skip("+")) {
    times = {1, -1};
  } else if (in_.skip("?")) {
    times = {0, 1};
  } else {
    times = counted();
  }
  if (times) in_.skip("?");
  return times;
}

// `{n}`, `{n,}` or `{n,m}`; anything else after a brace is text.
std::optional<PatternParser::Repetition> PatternParser::counted() {
  const RuneReader before = in_;
  const auto number = [this]() -> std::optional<int> {
    const std::string_view rest = in_.rest();
    const size_t size = std::min(rest.find_first_not_of("0123456789"), rest.size());
    if (size == 0 || (size > 1 && rest[0] == '0')) return std::nullopt;
    int value = 0;
    while (in_.rest().size() > rest.size() - size) {
      const int digit = static_cast<int>(in_.next() - '0');
      value = std::min(value * 10 + digit, Pattern::kMostRepetitions + 1);
    }
    return value;
  };
  if (!in_.skip("{")) return std::nullopt;
  const std::optional<int> least = number();
  std::optional<int> most = least;
  if (in_.skip(",")) most = in_.starts_with("}") ? std::optional(-1) : number();
  if (!least || !most || !in_.skip("}")) {
    in_ = before;
    return std::nullopt;
  }
  const bool ordered = *most == -1 || *most >= *least;
  if (!ordered || std::max(*least, *most) > Pattern::kMostRepetitions) refuse();
  return Repetition{*least, *most};
}

Pattern::Code PatternParser::repeat(const Code& code, const Repetition& times) {
  const auto size = static_cast<int32_t>(code.size());
  Code out;
  for (int i = 0; ok_ && i < times.least; ++i) append(out, code);
  if (times.most == -1) {
    append(out, {{Op::kSplit, 1, size + 2}});
    append(out, code);
    append(out, {{Op::kJump, -(size + 1), 0}});
  }
  for (int i = times.least; ok_ && i < times.most; ++i) {
    append(out, {{Op::kSplit, 1, size + 1}});
    append(out, code);
  }
  return out;
}

Pattern::Code PatternParser::take(Runes runes) {
  if (pattern_.fold_) {
    // Texts come in lower case, so that is what the set must have.
    const Ranges given = runes.ranges;
    for (const auto& [low, high] : given) {
      const char32_t first = std::max<char32_t>(low, 'A');
      const char32_t last = std::min<char32_t>(high, 'Z');
      if (first <= last) runes.ranges.emplace_back(to_lower(first), to_lower(last));
    }
  }
  pattern_.sets_.push_back(std::move(runes));
  return {{Op::kRunes, static_cast<int32_t>(pattern_.sets_.size()) - 1, 0}};
}

void PatternParser::append(Code& code, const Code& more) {
  if (code.size() + more.size() > Pattern::kMostSteps) return refuse();
  code.insert(code.end(), more.begin(), more.end());
}

}  // namespace phoenix::gossip
