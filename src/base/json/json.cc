#include "base/json/json.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/bytes_text.h"
#include "base/json/json_writer.h"
#include "base/json/plain_bytes.h"
#include "base/key.h"

namespace phoenix::json {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Four hex digits at the start of the text; -1 if they are none.
int32_t unit(std::string_view text) {
  if (text.size() < 4) return -1;
  int32_t value = 0;
  for (size_t i = 0; i < 4; ++i) {
    const int digit = hex_value(text[i]);
    if (digit < 0) return -1;
    value = value << 4 | digit;
  }
  return value;
}

// The content of a string that has been checked, its quotes left out.
std::string unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    switch (text[++i]) {
      case 'b':
        out += '\b';
        break;
      case 'f':
        out += '\f';
        break;
      case 'n':
        out += '\n';
        break;
      case 'r':
        out += '\r';
        break;
      case 't':
        out += '\t';
        break;
      case 'u': {
        auto point = static_cast<uint32_t>(unit(text.substr(i + 1)));
        i += 4;
        if (point >= 0xd800 && point < 0xdc00) {
          const auto low = static_cast<uint32_t>(unit(text.substr(i + 3)));
          point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
          i += 6;
        }
        append_utf8(out, point);
        break;
      }
      default:
        out += text[i];
    }
  }
  return out;
}

}  // namespace

std::string_view kind_phrase(Kind kind) {
  constexpr std::array<std::string_view, 6> kPhrases = {"null",     "a boolean", "a number",
                                                        "a string", "an array",  "an object"};
  return kPhrases[static_cast<size_t>(kind)];
}

void append_pointer(std::string& pointer, std::string_view key) {
  pointer += '/';
  for (const char c : key) {
    if (c == '~') {
      pointer += "~0";
    } else if (c == '/') {
      pointer += "~1";
    } else {
      pointer += c;
    }
  }
}

// One pass, no recursion. Containers that are open stand on a stack of at most kMaxDepth.
class Parser {
 public:
  explicit Parser(Document& document) : document_(document), text_(document.text_) {}

  Result<bool> run() {
    document_.nodes_.reserve(std::min<size_t>(text_.size() / 8 + 4, kMaxValues));
    skip_space();
    if (at_end()) return broken("the body is empty; a JSON value is needed");
    do {
      if (auto step = value(); !step) return step;
      if (auto step = close_what_ends(); !step) return step;
    } while (depth_ > 0);
    skip_space();
    if (!at_end()) return broken("more text after the end of the value");
    return true;
  }

 private:
  bool at_end() const { return pos_ == text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[pos_]; }
  void skip_space() {
    while (pos_ < text_.size() && is_space(text_[pos_])) ++pos_;
  }
  Node& top() { return document_.nodes_[stack_[depth_ - 1]]; }

  uint32_t push(Kind kind, size_t begin) {
    Node node;
    node.kind = kind;
    node.begin = static_cast<uint32_t>(begin);
    document_.nodes_.push_back(node);
    return static_cast<uint32_t>(document_.nodes_.size() - 1);
  }
  void finish(uint32_t index) {
    Node& node = document_.nodes_[index];
    node.end = static_cast<uint32_t>(pos_);
    node.next = static_cast<uint32_t>(document_.nodes_.size());
  }

  // Where the parser stands: the path of the open containers, each with its newest child.
  std::string pointer() const {
    std::string out;
    for (size_t level = 0; level < depth_; ++level) {
      const uint32_t container = stack_[level];
      const auto& nodes = document_.nodes_;
      uint32_t child = container + 1;
      uint32_t last = 0;
      uint32_t count = 0;
      while (child < nodes.size()) {
        last = child;
        ++count;
        if (nodes[child].next == 0) break;
        child = nodes[child].next;
      }
      if (nodes[container].kind == Kind::kArray) {
        append_pointer(out, std::to_string(child < nodes.size() ? count - 1 : count));
      } else if (count > 0) {
        const uint32_t name = count % 2 == 1 ? last : previous_key(container, last);
        if (nodes[name].next != 0) append_pointer(out, Value(document_, name).string());
      }
    }
    return out;
  }
  uint32_t previous_key(uint32_t container, uint32_t value_index) const {
    uint32_t key = container + 1;
    for (uint32_t at = container + 1; at != value_index; at = document_.nodes_[at].next) key = at;
    return key;
  }

  tl::unexpected<Error> broken(std::string detail) const {
    const std::string at = pointer();
    auto refusal = invalid(at, detail + " (byte " + std::to_string(pos_) + ")");
    if (at.empty()) refusal.value().detail.insert(0, "the body");
    return refusal;
  }

  Result<bool> value() {
    skip_space();
    if (document_.nodes_.size() >= kMaxValues) {
      return fail(ErrorKind::kTooLarge, "the body holds more than 4000000 values");
    }
    switch (peek()) {
      case '{':
        return open(Kind::kObject);
      case '[':
        return open(Kind::kArray);
      case '"':
        return string();
      case 't':
        return word("true", Kind::kBool);
      case 'f':
        return word("false", Kind::kBool);
      case 'n':
        return word("null", Kind::kNull);
      default:
        return number();
    }
  }

  Result<bool> open(Kind kind) {
    if (depth_ == kMaxDepth) return broken("nested deeper than 64 levels");
    stack_[depth_++] = push(kind, pos_++);
    empty_ = true;
    return true;
  }

  // After a value or an opening bracket: closes all that ends here, or reads what leads to the
  // next value.
  Result<bool> close_what_ends() {
    while (depth_ > 0) {
      skip_space();
      const bool object = top().kind == Kind::kObject;
      if (peek() == (object ? '}' : ']')) {
        ++pos_;
        finish(stack_[depth_ - 1]);
        if (object) {
          if (auto unique = check_keys(); !unique) return unique;
        }
        --depth_;
        empty_ = false;
        continue;
      }
      if (at_end()) return broken(object ? "the object is not closed" : "the array is not closed");
      if (!empty_) {
        if (peek() != ',') return broken(object ? "expected , or }" : "expected , or ]");
        ++pos_;
      }
      empty_ = false;
      return object ? key() : Result<bool>(true);
    }
    return true;
  }

  Result<bool> key() {
    skip_space();
    if (peek() != '"') return broken("expected a key in double quotes");
    if (auto name = string(); !name) return name;
    skip_space();
    if (peek() != ':') return broken("expected : after the key");
    ++pos_;
    return true;
  }

  Result<bool> word(std::string_view expected, Kind kind) {
    if (text_.substr(pos_, expected.size()) != expected) return number();
    const uint32_t index = push(kind, pos_);
    pos_ += expected.size();
    finish(index);
    return true;
  }

  size_t digits() {
    const size_t begin = pos_;
    while (is_digit(peek())) ++pos_;
    return pos_ - begin;
  }

  Result<bool> number() {
    const size_t begin = pos_;
    if (peek() == '-') ++pos_;
    const size_t first = pos_;
    if (digits() == 0) {
      pos_ = begin;
      return broken(at_end() ? "a value is missing"
                             : "no JSON value begins like this; NaN, Infinity, comments and single "
                               "quotes are not JSON");
    }
    if (text_[first] == '0' && pos_ - first > 1) return broken("a number has a leading zero");
    if (peek() == '.') {
      ++pos_;
      if (digits() == 0) return broken("a number ends with its point");
    }
    if (peek() == 'e' || peek() == 'E') {
      ++pos_;
      if (peek() == '+' || peek() == '-') ++pos_;
      if (digits() == 0) return broken("a number's exponent has no digits");
    }
    const size_t end = pos_;
    const uint32_t index = push(Kind::kNumber, begin);
    pos_ = end;
    finish(index);
    return true;
  }

  Result<bool> string() {
    const uint32_t index = push(Kind::kString, pos_++);
    bool plain = true;
    while (true) {
      pos_ += plain_bytes(text_.substr(pos_));
      if (at_end()) return broken("a string is not closed");
      const char c = text_[pos_];
      if (c == '"') break;
      if (static_cast<uint8_t>(c) < 0x20) {
        return broken("a string holds a control character; write it as \\u00XX");
      }
      if (c == '\\') {
        document_.nodes_[index].escaped = true;
        if (auto step = escape(); !step) return step;
        continue;
      }
      ++pos_;
      if (static_cast<uint8_t>(c) < 0x80) continue;
      plain = false;
      while (static_cast<uint8_t>(peek()) >= 0x80) ++pos_;
    }
    ++pos_;
    if (!plain) {
      const uint32_t begin = document_.nodes_[index].begin;
      if (!valid_utf8(text_.substr(begin, pos_ - begin))) return broken("a string is not UTF-8");
    }
    finish(index);
    return true;
  }

  Result<bool> escape() {
    const char kind = pos_ + 1 < text_.size() ? text_[pos_ + 1] : '\0';
    if (kind != '\0' && std::strchr("\"\\/bfnrt", kind) != nullptr) {
      pos_ += 2;
      return true;
    }
    if (kind != 'u') return broken("a string holds an unknown escape");
    const int32_t first = unit(text_.substr(pos_ + 2));
    if (first < 0) return broken("\\u needs four hex digits");
    size_t size = 6;
    if (first >= 0xdc00 && first < 0xe000) return broken("\\u names a lone surrogate");
    if (first >= 0xd800 && first < 0xdc00) {
      const std::string_view rest = text_.substr(std::min(pos_ + 6, text_.size()));
      const int32_t low = rest.substr(0, 2) == "\\u" ? unit(rest.substr(2)) : -1;
      if (low < 0xdc00 || low > 0xdfff) return broken("\\u names a lone surrogate");
      size = 12;
    }
    pos_ += size;
    return true;
  }

  // The object on top has just been closed: two keys of one name are an error.
  Result<bool> check_keys() {
    keys_.clear();
    unescaped_.clear();
    const uint32_t object = stack_[depth_ - 1];
    const auto& nodes = document_.nodes_;
    for (uint32_t at = object + 1; at < nodes[object].next; at = nodes[nodes[at].next].next) {
      const std::string_view raw =
          text_.substr(nodes[at].begin + 1, nodes[at].end - nodes[at].begin - 2);
      keys_.push_back(nodes[at].escaped ? unescaped_.emplace_back(unescape(raw)) : raw);
    }
    std::optional<std::string_view> twice;
    if (keys_.size() <= 12) {
      for (size_t i = 1; i < keys_.size() && !twice; ++i) {
        for (size_t j = 0; j < i && !twice; ++j) {
          if (keys_[i] == keys_[j]) twice = keys_[i];
        }
      }
    } else {
      std::sort(keys_.begin(), keys_.end());
      const auto same = std::adjacent_find(keys_.begin(), keys_.end());
      if (same != keys_.end()) twice = *same;
    }
    if (!twice) return true;
    document_.nodes_[object].next = 0;  // open again: the pointer leads to it, not behind it
    --depth_;
    std::string where = pointer();
    append_pointer(where, *twice);
    return invalid(std::move(where), "this key stands twice in its object");
  }

  Document& document_;
  std::string_view text_;
  size_t pos_ = 0;
  std::array<uint32_t, kMaxDepth> stack_{};
  size_t depth_ = 0;
  bool empty_ = false;  // the innermost container has just been opened
  std::vector<std::string_view> keys_;
  std::deque<std::string> unescaped_;
};

Result<Document> Document::parse(std::string_view text) {
  Document document;
  document.text_ = text;
  if (text.size() >= UINT32_MAX) return fail(ErrorKind::kTooLarge, "the body is over 4 GiB");
  if (auto parsed = Parser(document).run(); !parsed) return tl::unexpected(parsed.error());
  return document;
}

const Node& Value::node() const { return document_->nodes_[index_]; }
Kind Value::kind() const { return node().kind; }

std::string_view Value::raw() const {
  return document_->text_.substr(node().begin, node().end - node().begin);
}

std::string Value::string() const {
  const std::string_view inner = raw().substr(1, raw().size() - 2);
  return node().escaped ? unescape(inner) : std::string(inner);
}

Value::Children Value::children() const { return {*document_, index_ + 1, node().next}; }

Value Value::Children::take() {
  const Value value(*document_, at_);
  at_ = value.node().next;
  return value;
}

size_t Value::size() const {
  size_t count = 0;
  for (auto all = children(); !all.done(); all.take()) ++count;
  return count;
}

std::optional<Value> Value::find(std::string_view key) const {
  for (auto all = children(); !all.done();) {
    const Value name = all.take();
    const Value value = all.take();
    if (name.node().escaped
            ? name.string() == key
            : name.raw().substr(1, key.size()) == key && name.raw().size() == key.size() + 2) {
      return value;
    }
  }
  return std::nullopt;
}

namespace {

// A number's digits without point and exponent: value = digits * 10^scale.
struct Decimal {
  std::string digits;
  int64_t scale = 0;
  bool negative = false;
};

Decimal split(std::string_view number) {
  Decimal out;
  size_t i = 0;
  if (number[0] == '-') out.negative = true, ++i;
  bool fraction = false;
  for (; i < number.size() && number[i] != 'e' && number[i] != 'E'; ++i) {
    if (number[i] == '.') {
      fraction = true;
      continue;
    }
    out.digits += number[i];
    if (fraction) --out.scale;
  }
  if (i < number.size()) {
    ++i;
    const bool minus = number[i] == '-';
    if (number[i] == '-' || number[i] == '+') ++i;
    int64_t exponent = 0;
    for (; i < number.size(); ++i) {
      exponent = std::min<int64_t>(exponent * 10 + (number[i] - '0'), 1'000'000'000);
    }
    out.scale += minus ? -exponent : exponent;
  }
  const size_t first = out.digits.find_first_not_of('0');
  out.digits.erase(0, first == std::string::npos ? out.digits.size() : first);
  while (!out.digits.empty() && out.digits.back() == '0') {
    out.digits.pop_back();
    ++out.scale;
  }
  return out;
}

}  // namespace

std::optional<int64_t> exact_integer(std::string_view number) {
  const Decimal decimal = split(number);
  if (decimal.digits.empty()) return 0;
  if (decimal.scale < 0 || decimal.scale + static_cast<int64_t>(decimal.digits.size()) > 19) {
    return std::nullopt;
  }
  uint64_t value = 0;
  for (const char c : decimal.digits) value = value * 10 + static_cast<uint64_t>(c - '0');
  for (int64_t i = 0; i < decimal.scale; ++i) value *= 10;
  if (value > static_cast<uint64_t>(INT64_MAX)) return std::nullopt;
  return decimal.negative ? -static_cast<int64_t>(value) : static_cast<int64_t>(value);
}

std::optional<uint32_t> thousandths(std::string_view number) {
  const Decimal decimal = split(number);
  if (decimal.digits.empty()) return 0;
  if (decimal.negative) return std::nullopt;
  // The first digit's place: 10^(places - 1).
  const int64_t places = decimal.scale + static_cast<int64_t>(decimal.digits.size());
  if (places > 1 || (places == 1 && decimal.digits != "1")) return std::nullopt;
  uint32_t value = 0;
  for (int64_t place = 0; place < places + 3; ++place) {
    const auto at = static_cast<size_t>(place);
    value = value * 10 +
            (at < decimal.digits.size() ? static_cast<uint32_t>(decimal.digits[at] - '0') : 0);
  }
  return value;
}

void append_canonical(std::string& out, const Value& value) {
  switch (value.kind()) {
    case Kind::kString:
      append_string(out, value.string());
      return;
    case Kind::kArray: {
      out += '[';
      for (auto items = value.children(); !items.done();) {
        append_canonical(out, items.take());
        if (!items.done()) out += ',';
      }
      out += ']';
      return;
    }
    case Kind::kObject: {
      std::vector<std::pair<std::string, Value>> members;
      for (auto all = value.children(); !all.done();) {
        std::string key = all.take().string();
        members.emplace_back(std::move(key), all.take());
      }
      std::sort(members.begin(), members.end(),
                [](const auto& a, const auto& b) { return a.first < b.first; });
      out += '{';
      for (size_t i = 0; i < members.size(); ++i) {
        if (i > 0) out += ',';
        append_string(out, members[i].first);
        out += ':';
        append_canonical(out, members[i].second);
      }
      out += '}';
      return;
    }
    case Kind::kNull:
    case Kind::kBool:
    case Kind::kNumber:
      out += value.raw();
      return;
  }
}

std::string one_line(std::string_view valid_json) {
  std::string out(valid_json);
  if (std::memchr(out.data(), '\n', out.size()) != nullptr ||
      std::memchr(out.data(), '\r', out.size()) != nullptr) {
    std::erase_if(out, [](char c) { return c == '\n' || c == '\r'; });
  }
  return out;
}

}  // namespace phoenix::json
