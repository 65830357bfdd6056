#include "manifest/yaml/syntax_hints.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <vector>

namespace phoenix::manifest {
namespace {

struct Mark {
  int line = 0;
  int column = 0;
  char opened = 0;
};

size_t indentation(std::string_view line) {
  const size_t content = line.find_first_not_of(' ');
  return content == std::string_view::npos ? line.size() : content;
}

// "key: |", "- >-": what follows, further in, is text as it stands.
bool begins_block_text(std::string_view line) {
  const size_t comment = line.find(" #");
  line = line.substr(0, comment);
  while (!line.empty() && (line.back() == ' ' || line.back() == '\r')) line.remove_suffix(1);
  while (!line.empty() &&
         (line.back() == '-' || line.back() == '+' || (line.back() >= '0' && line.back() <= '9'))) {
    line.remove_suffix(1);
  }
  if (line.empty() || (line.back() != '|' && line.back() != '>')) return false;
  line.remove_suffix(1);
  return line.empty() || line.ends_with(": ") || line.ends_with("- ");
}

// Reads line by line and keeps what is open.
class Scanner {
 public:
  void read(std::string_view line) {
    ++line_;
    if (quote_.opened == 0) {
      const size_t indent = indentation(line);
      const bool blank = indent == line.size();
      if (in_block_ && (blank || indent > block_indent_)) return;
      in_block_ = false;
      if (brackets_.empty() && begins_block_text(line)) {
        in_block_ = true;
        block_indent_ = indent;
      }
      value_next_ = true;
    }
    for (size_t i = 0; i < line.size(); ++i) i += take(line, i);
  }

  const Mark& quote() const { return quote_; }
  const std::vector<Mark>& brackets() const { return brackets_; }
  // The quote that was closed last on another line than it was opened; line 0: none was.
  const Mark& long_quote() const { return long_quote_; }

 private:
  // How many characters behind this one are done with too.
  size_t take(std::string_view line, size_t i) {
    const char c = line[i];
    const char next = i + 1 < line.size() ? line[i + 1] : '\n';
    if (quote_.opened != 0) return within_quote(c, next);
    if (c == '#' && (i == 0 || line[i - 1] == ' ')) return line.size() - i;
    if (c == ' ') return 0;
    const bool value = value_next_;
    const bool space_follows = next == ' ' || next == '\n' || next == '\r';
    const bool flow = !brackets_.empty();
    value_next_ = (c == ':' && (space_follows || flow)) || (c == '-' && value && space_follows) ||
                  c == '[' || c == '{' || (c == ',' && flow);
    const Mark here{line_, static_cast<int>(i) + 1, c};
    if ((c == '"' || c == '\'') && value) quote_ = here;
    if ((c == '[' || c == '{') && (value || flow)) brackets_.push_back(here);
    if ((c == ']' || c == '}') && flow) brackets_.pop_back();
    return 0;
  }

  size_t within_quote(char c, char next) {
    if (quote_.opened == '"' && c == '\\') return 1;
    if (c != quote_.opened) return 0;
    if (c == '\'' && next == '\'') return 1;
    if (quote_.line != line_) long_quote_ = quote_;
    quote_.opened = 0;
    value_next_ = false;
    return 0;
  }

  int line_ = 0;
  Mark quote_;
  Mark long_quote_;
  std::vector<Mark> brackets_;
  bool value_next_ = true;
  bool in_block_ = false;
  size_t block_indent_ = 0;
};

std::string_view take_line(std::string_view& text) {
  const size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

SyntaxHint open_quote(const Mark& mark) {
  return {mark.line, mark.column, "this quote is never closed"};
}

bool is_word(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.';
  });
}

// A line with a key's indentation and no colon, which the parser joined to what follows.
std::optional<SyntaxHint> missing_colon(std::string_view line, int number) {
  const size_t indent = indentation(line);
  const std::string_view content = line.substr(indent);
  if (content.empty() || content[0] == '#' || content[0] == '-') return std::nullopt;
  const size_t colon = content.find(':');
  if (colon != std::string_view::npos) {
    const bool joined = content.find(": ") == std::string_view::npos &&
                        colon + 1 < content.size() && content[colon + 1] != '\r' &&
                        content[colon + 1] != '/' && is_word(content.substr(0, colon));
    if (!joined) return std::nullopt;
    return SyntaxHint{number, static_cast<int>(indent + colon) + 1,
                      "there is no space behind the colon, so this is no \"key: value\""};
  }
  return SyntaxHint{number, static_cast<int>(indent) + 1,
                    "is no \"key: value\": the colon is missing"};
}

bool is_quote(char c) { return c == '\'' || c == '"'; }

// Whether a value goes on there: nothing that ends one stands there.
bool has_more(std::string_view line, size_t at) {
  constexpr std::string_view kEnds = "#:,]}";
  const size_t next = line.find_first_not_of(" \r", at);
  return next != std::string_view::npos && kEnds.find(line[next]) == kEnds.npos;
}

SyntaxHint goes_on(int line, size_t at, char closing) {
  return {line, static_cast<int>(at) + 1,
          fmt::format("this value goes on behind its {}; put quotes{} around all of it", closing,
                      is_quote(closing) ? " of the other kind" : "")};
}

}  // namespace

std::optional<SyntaxHint> find_open_quote(std::string_view text) {
  Scanner scanner;
  while (!text.empty()) scanner.read(take_line(text));
  if (scanner.quote().opened == 0) return std::nullopt;
  return open_quote(scanner.quote());
}

std::optional<SyntaxHint> find_lone_dash(std::string_view text, int line) {
  constexpr int kLines = 100;
  size_t end = 0;
  for (int i = 0; i < line && end != std::string_view::npos; ++i) end = text.find('\n', end + 1);
  for (int i = 0; i < kLines && line > 0; ++i, --line) {
    if (end == std::string_view::npos) end = text.size();
    const size_t before = end == 0 ? std::string_view::npos : text.rfind('\n', end - 1);
    const size_t begin = before == std::string_view::npos ? 0 : before + 1;
    std::string_view content = text.substr(begin, end - begin);
    const size_t indent = indentation(content);
    while (!content.empty() && (content.back() == ' ' || content.back() == '\r')) {
      content.remove_suffix(1);
    }
    if (content.size() == indent + 1 && content.back() == '-') {
      return SyntaxHint{line, static_cast<int>(indent) + 1, ""};
    }
    if (before == std::string_view::npos) break;
    end = before;
  }
  return std::nullopt;
}

std::optional<SyntaxHint> find_value_that_goes_on(std::string_view text, int line, int column) {
  for (int number = 1; number < line && !text.empty(); ++number) take_line(text);
  const std::string_view content = take_line(text);
  const auto noticed = std::min(content.size(), static_cast<size_t>(std::max(column, 1)) - 1);
  const size_t before = content.substr(0, noticed).find_last_not_of(' ');
  if (before != std::string_view::npos && before > 0 && is_quote(content[before])) {
    const size_t opened = content.rfind(content[before], before - 1);
    if (opened != std::string_view::npos && has_more(content, noticed)) {
      return goes_on(line, opened, content[before]);
    }
  }
  const size_t colon = content.find(": ");
  size_t at = colon == std::string_view::npos ? indentation(content) : colon + 2;
  while (colon == std::string_view::npos && content.substr(at).starts_with("- ")) at += 2;
  at = std::min(content.find_first_not_of(' ', at), content.size());
  const char opened = at < content.size() ? content[at] : '\0';
  const bool quoted = is_quote(opened);
  if (!quoted && opened != '[' && opened != '{') return std::nullopt;
  const char closing = opened == '[' ? ']' : opened == '{' ? '}' : opened;
  size_t depth = 0;
  for (size_t i = at; i < content.size(); ++i) {
    if (!quoted && content[i] == opened) ++depth;
    if (content[i] != closing || (quoted && i == at)) continue;
    if (!quoted && --depth > 0) continue;
    if (has_more(content, i + 1)) return goes_on(line, at, closing);
    break;
  }
  return std::nullopt;
}

std::optional<SyntaxHint> find_cause(std::string_view text, int line) {
  Scanner scanner;
  std::string_view before;
  int before_number = 0;
  for (int number = 1; !text.empty() && number < line; ++number) {
    const std::string_view each = take_line(text);
    scanner.read(each);
    if (indentation(each) < each.size()) {
      before = each;
      before_number = number;
    }
  }
  if (scanner.quote().opened != 0) return open_quote(scanner.quote());
  if (!scanner.brackets().empty()) {
    const Mark& mark = scanner.brackets().back();
    return SyntaxHint{mark.line, mark.column, fmt::format("this {} is never closed", mark.opened)};
  }
  return missing_colon(before, before_number);
}

}  // namespace phoenix::manifest
