#include "manifest/yaml/text_check.h"

#include <fmt/format.h>

#include <cstdint>

namespace phoenix::manifest {
namespace {

constexpr size_t kTabsTold = 20;

// The bytes of the character at the start of `text`; 0 if it is no UTF-8.
size_t character(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < size) return 0;
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const bool overlong = (lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xF0 && byte(1) < 0x90);
  const bool beyond = (lead == 0xED && byte(1) >= 0xA0) || (lead == 0xF4 && byte(1) >= 0x90);
  return overlong || beyond ? 0 : size;
}

// A tab that begins the indentation of a line with something on it. Within the text of a block
// scalar one may stand behind the spaces, so those are left to the parser.
bool tab_indents(std::string_view line) {
  if (!line.starts_with('\t')) return false;
  const size_t content = line.find_first_not_of(" \t\r");
  return content != std::string_view::npos && line[content] != '#';
}

bool control(char c) {
  return (static_cast<uint8_t>(c) < 0x20 && c != '\t' && c != '\r' && c != '\n') || c == 0x7F;
}

}  // namespace

Findings check_text(std::string_view text, const std::shared_ptr<const std::string>& file,
                    int depth) {
  Findings findings;
  const auto say = [&](int line, int column, std::string detail) {
    findings.push_back({Finding::Weight::kError, {file, line, column}, "", "", std::move(detail)});
  };
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    say(1, 1, "is UTF-16; save it as UTF-8");
    return findings;
  }
  int line = 1;
  int column = 1;
  int brackets = 0;
  size_t tabs = 0;
  for (size_t i = 0; i < text.size();) {
    if (column == 1 && tabs < kTabsTold && tab_indents(text.substr(i, text.find('\n', i) - i))) {
      ++tabs;
      say(line, 1, "a tab in the indentation; write spaces");
    }
    const size_t size = character(text.substr(i));
    const bool wrong = size == 0 || control(text[i]);
    if (wrong) {
      const auto byte = static_cast<uint8_t>(text[i]);
      say(line, column, fmt::format("byte 0x{:02x} is no text; save the file as UTF-8", byte));
      return findings;
    }
    brackets += text[i] == '[' || text[i] == '{' ? 1 : 0;
    brackets -= text[i] == ']' || text[i] == '}' ? 1 : 0;
    // Counted without regard to quotes, so only what no honest text does is refused here; the
    // parser's stack is what this guards.
    if (brackets > 16 * depth) {
      say(line, column, fmt::format("opens more than {} brackets and closes none", 16 * depth));
      return findings;
    }
    column = text[i] == '\n' ? 1 : column + 1;
    line += text[i] == '\n' ? 1 : 0;
    i += size;
  }
  return findings;
}

}  // namespace phoenix::manifest
