#include "client/json_text.h"

#include <charconv>

#include "base/bytes_text.h"
#include "base/key.h"

namespace phoenix {
namespace {

constexpr int kMaxDepth = 64;

// Walks over JSON. Every skip returns false at the first byte that does not fit, and otherwise
// leaves `pos` behind what it skipped.
struct Scanner {
  std::string_view text;
  std::size_t pos = 0;

  bool at(char c) const { return pos < text.size() && text[pos] == c; }
  bool take(char c) {
    if (!at(c)) return false;
    ++pos;
    return true;
  }
  void white() {
    while (pos < text.size() && std::string_view(" \t\r\n").find(text[pos]) != text.npos) ++pos;
  }
  bool word(std::string_view word) {
    if (text.substr(pos, word.size()) != word) return false;
    pos += word.size();
    return true;
  }
  bool digits() {
    const std::size_t start = pos;
    while (pos < text.size() && text[pos] >= '0' && text[pos] <= '9') ++pos;
    return pos > start;
  }
  bool number() {
    take('-');
    if (!take('0') && !digits()) return false;
    if (take('.') && !digits()) return false;
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      return digits();
    }
    return true;
  }
  bool hex4() {
    for (int i = 0; i < 4; ++i, ++pos) {
      if (pos >= text.size() ||
          std::string_view("0123456789abcdefABCDEF").find(text[pos]) == std::string_view::npos) {
        return false;
      }
    }
    return true;
  }
  bool string() {
    if (!take('"')) return false;
    while (pos < text.size()) {
      const char c = text[pos++];
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c != '\\') continue;
      if (pos >= text.size()) return false;
      const char escape = text[pos++];
      if (escape == 'u') {
        if (!hex4()) return false;
      } else if (std::string_view("\"\\/bfnrt").find(escape) == std::string_view::npos) {
        return false;
      }
    }
    return false;
  }
  bool value(int depth) {
    white();
    if (pos >= text.size()) return false;
    switch (text[pos]) {
      case '"':
        return string();
      case '{':
      case '[':
        return depth < kMaxDepth && container(depth);
      case 't':
        return word("true");
      case 'f':
        return word("false");
      case 'n':
        return word("null");
      default:
        return number();
    }
  }
  bool container(int depth) {
    const bool object = text[pos++] == '{';
    const char end = object ? '}' : ']';
    white();
    if (take(end)) return true;
    for (;;) {
      if (object) {
        white();
        if (!string()) return false;
        white();
        if (!take(':')) return false;
      }
      if (!value(depth + 1)) return false;
      white();
      if (take(end)) return true;
      if (!take(',')) return false;
    }
  }
};

uint32_t hex_at(std::string_view text, std::size_t pos) {
  uint32_t code = 0;
  std::from_chars(text.data() + pos, text.data() + pos + 4, code, 16);
  return code;
}

// `raw` with its quotes, known to be valid. A surrogate without its partner becomes U+FFFD.
std::string decode_string(std::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  for (std::size_t i = 1; i + 1 < raw.size(); ++i) {
    if (raw[i] != '\\') {
      out.push_back(raw[i]);
      continue;
    }
    const char escape = raw[++i];
    const std::size_t plain = std::string_view("bfnrt").find(escape);
    if (plain != std::string_view::npos) {
      out.push_back("\b\f\n\r\t"[plain]);
    } else if (escape != 'u') {
      out.push_back(escape);
    } else {
      uint32_t code = hex_at(raw, i + 1);
      i += 4;
      const bool high = code >= 0xd800 && code < 0xdc00;
      if (high && raw.substr(i + 1, 2) == "\\u") {
        const uint32_t low = hex_at(raw, i + 3);
        if (low >= 0xdc00 && low < 0xe000) {
          code = 0x10000 + ((code - 0xd800) << 10U) + (low - 0xdc00);
          i += 6;
        }
      }
      append_utf8(out, code >= 0xd800 && code < 0xe000 ? 0xfffd : code);
    }
  }
  return out;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kWhite = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kWhite);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kWhite) - first + 1);
}

// Calls `each(name, value)` for the members of an object (raw name) or the items of an array.
template <class Each>
void walk(std::string_view raw, Each each) {
  Scanner scanner{raw, 1};
  const bool object = raw.front() == '{';
  for (;;) {
    scanner.white();
    if (scanner.at('}') || scanner.at(']')) return;
    std::string_view name;
    if (object) {
      const std::size_t start = scanner.pos;
      if (!scanner.string()) return;
      name = raw.substr(start, scanner.pos - start);
      scanner.white();
      scanner.take(':');
      scanner.white();
    }
    const std::size_t start = scanner.pos;
    if (!scanner.value(0)) return;
    each(name, raw.substr(start, scanner.pos - start));
    scanner.white();
    scanner.take(',');
  }
}

}  // namespace

bool valid_json(std::string_view text) {
  Scanner scanner{text};
  if (!scanner.value(0)) return false;
  scanner.white();
  return scanner.pos == text.size() && valid_utf8(text);
}

std::string quote_json(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  const bool sound = valid_utf8(text);
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (c == '\n') {
      out.append("\\n");
    } else if (byte < 0x20) {
      out.append("\\u00").push_back(kHex[byte >> 4U]);
      out.push_back(kHex[byte & 15U]);
    } else if (byte < 0x80 || sound) {
      out.push_back(c);
    } else {
      out.append("\xef\xbf\xbd");
    }
  }
  out.push_back('"');
  return out;
}

std::optional<JsonText> JsonText::parse(std::string_view text) {
  if (!valid_json(text)) return std::nullopt;
  return JsonText(trim(text));
}

JsonText JsonText::operator[](std::string_view name) const {
  JsonText found;
  if (!is_object()) return found;
  walk(raw_, [&](std::string_view key, std::string_view value) {
    const bool plain = key.find('\\') == std::string_view::npos;
    if (plain ? key.substr(1, key.size() - 2) == name : decode_string(key) == name) {
      found = JsonText(value);
    }
  });
  return found;
}

std::vector<JsonText> JsonText::items() const {
  std::vector<JsonText> out;
  if (!is_array()) return out;
  walk(raw_, [&](std::string_view, std::string_view value) { out.push_back(JsonText(value)); });
  return out;
}

std::vector<std::pair<std::string, JsonText>> JsonText::members() const {
  std::vector<std::pair<std::string, JsonText>> out;
  if (!is_object()) return out;
  walk(raw_, [&](std::string_view key, std::string_view value) {
    out.emplace_back(decode_string(key), JsonText(value));
  });
  return out;
}

std::string JsonText::text() const { return is_string() ? decode_string(raw_) : std::string(); }

std::optional<int64_t> JsonText::integer() const {
  int64_t value = 0;
  const char* end = raw_.data() + raw_.size();
  const auto [stop, ec] = std::from_chars(raw_.data(), end, value);
  if (raw_.empty() || ec != std::errc() || stop != end) return std::nullopt;
  return value;
}

}  // namespace phoenix
