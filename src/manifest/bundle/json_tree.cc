#include "manifest/bundle/json_tree.h"

#include <set>

#include "base/bytes_text.h"
#include "base/key.h"

namespace phoenix::manifest {
namespace {

constexpr int kMostDepth = 64;
constexpr size_t kMostValues = 100'000;

class TreeReader {
 public:
  explicit TreeReader(std::string_view text) : text_(text) {}

  std::optional<JsonTree> run() {
    JsonTree tree;
    if (!value(tree, 0)) return std::nullopt;
    skip();
    if (at_ != text_.size()) return std::nullopt;
    return tree;
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char wanted) {
    if (peek() != wanted || at_ == text_.size()) return false;
    ++at_;
    return true;
  }
  bool take(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  void skip() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') ++at_;
  }

  bool value(JsonTree& tree, int depth) {
    if (depth > kMostDepth || ++values_ > kMostValues) return false;
    skip();
    const size_t from = at_;
    if (take("null")) return true;
    if (take("true") || take("false")) {
      tree.kind = JsonTree::Kind::kBool;
      tree.text = text_.substr(from, at_ - from);
      return true;
    }
    if (peek() == '"') {
      tree.kind = JsonTree::Kind::kText;
      return string(tree.text);
    }
    if (take('[')) return list(tree, depth);
    if (take('{')) return object(tree, depth);
    tree.kind = JsonTree::Kind::kNumber;
    if (!number()) return false;
    tree.text = text_.substr(from, at_ - from);
    return true;
  }

  bool list(JsonTree& tree, int depth) {
    tree.kind = JsonTree::Kind::kList;
    skip();
    if (take(']')) return true;
    while (true) {
      if (!value(tree.items.emplace_back(), depth + 1)) return false;
      skip();
      if (take(']')) return true;
      if (!take(',')) return false;
    }
  }

  bool object(JsonTree& tree, int depth) {
    tree.kind = JsonTree::Kind::kObject;
    std::set<std::string> names;
    skip();
    if (take('}')) return true;
    while (true) {
      skip();
      auto& [name, member] = tree.members.emplace_back();
      if (!string(name) || !names.insert(name).second) return false;
      skip();
      if (!take(':') || !value(member, depth + 1)) return false;
      skip();
      if (take('}')) return true;
      if (!take(',')) return false;
    }
  }

  bool digits() {
    const size_t from = at_;
    while (peek() >= '0' && peek() <= '9') ++at_;
    return at_ > from;
  }
  bool number() {
    take('-');
    if (peek() == '0') {
      ++at_;
    } else if (!digits()) {
      return false;
    }
    if (take('.') && !digits()) return false;
    if (!take('e') && !take('E')) return true;
    if (!take('+')) take('-');
    return digits();
  }

  bool string(std::string& out) {
    if (!take('"')) return false;
    while (at_ < text_.size() && peek() != '"') {
      const auto byte = static_cast<uint8_t>(peek());
      if (byte < 0x20) return false;
      if (byte != '\\') {
        out.push_back(text_[at_++]);
      } else if (!escape(out)) {
        return false;
      }
    }
    return take('"') && valid_utf8(out);
  }

  bool escape(std::string& out) {
    static constexpr std::string_view kLetters = "\"\\/bfnrt";
    static constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    ++at_;
    const size_t found = at_ < text_.size() ? kLetters.find(peek()) : kLetters.npos;
    if (found != kLetters.npos) {
      ++at_;
      out.push_back(kMeanings[found]);
      return true;
    }
    uint32_t point = 0;
    if (!take('u') || !hex(point)) return false;
    if (point >= 0xDC00 && point < 0xE000) return false;
    if (point >= 0xD800 && point < 0xDC00) {
      uint32_t low = 0;
      if (!take("\\u") || !hex(low) || low < 0xDC00 || low > 0xDFFF) return false;
      point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(out, point);
    return true;
  }

  bool hex(uint32_t& point) {
    for (int count = 0; count < 4; ++count) {
      const char c = peek();
      uint32_t digit = 0;
      if (c >= '0' && c <= '9') {
        digit = static_cast<uint32_t>(c - '0');
      } else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
        digit = static_cast<uint32_t>((c | 0x20) - 'a' + 10);
      } else {
        return false;
      }
      point = point << 4 | digit;
      ++at_;
    }
    return true;
  }

  std::string_view text_;
  size_t at_ = 0;
  size_t values_ = 0;
};

}  // namespace

const JsonTree& JsonTree::operator[](std::string_view name) const {
  static const JsonTree nothing;
  for (const auto& [own, member] : members) {
    if (own == name) return member;
  }
  return nothing;
}

std::optional<JsonTree> parse_json_tree(std::string_view text) { return TreeReader(text).run(); }

}  // namespace phoenix::manifest
