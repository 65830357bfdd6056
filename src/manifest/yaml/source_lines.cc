#include "manifest/yaml/source_lines.h"

#include <algorithm>

namespace phoenix::manifest {
namespace {

constexpr std::string_view kBlanks = " \t\r";

std::string_view trimmed(std::string_view text) {
  const size_t from = text.find_first_not_of(kBlanks);
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(kBlanks) - from + 1);
}

// Where `piece` stands in the text from there on; of the last line of a quoted text also without
// its quote and what follows.
size_t find_piece(std::string_view text, std::string_view& piece, size_t from) {
  size_t found = text.find(piece, from);
  while (found == std::string_view::npos) {
    const size_t quote = piece.find_last_of("'\"");
    if (quote == std::string_view::npos || quote == 0) return found;
    piece = trimmed(piece.substr(0, quote));
    found = text.find(piece, from);
  }
  return found;
}

}  // namespace

SourceLines::SourceLines(std::string_view text) : text_(text) {
  for (size_t at = 0; at < text.size(); ++at) {
    starts_.push_back(at);
    at = std::min(text.find('\n', at), text.size());
  }
}

std::string_view SourceLines::line(size_t number) const {
  const std::string_view rest = text_.substr(starts_[number]);
  return rest.substr(0, rest.find('\n'));
}

std::vector<LineStart> SourceLines::lines_of(const Node& scalar) const {
  std::vector<LineStart> lines;
  auto number = static_cast<size_t>(scalar.place.line - 1);
  auto column = static_cast<size_t>(scalar.place.column - 1);
  if (number >= starts_.size() || column >= line(number).size()) return lines;
  const char first = line(number)[column];
  const bool block = !scalar.plain && (first == '|' || first == '>');
  if (!scalar.plain && !block) ++column;
  if (block) {
    ++number;
    column = 0;
  } else if (trimmed(line(number).substr(column)).starts_with(trimmed(scalar.text))) {
    return lines;
  }
  size_t offset = 0;
  for (; number < starts_.size() && offset < scalar.text.size(); ++number, column = 0) {
    const std::string_view whole = line(number);
    std::string_view piece = trimmed(whole.substr(column));
    if (piece.empty()) continue;
    const auto indent = static_cast<size_t>(piece.data() - whole.data());
    const size_t found = find_piece(scalar.text, piece, offset);
    if (found == std::string_view::npos || piece.empty()) break;
    lines.push_back({found, static_cast<int>(number) + 1, static_cast<int>(indent) + 1});
    offset = found + piece.size();
  }
  if (lines.size() < 2 && !block) lines.clear();
  return lines;
}

}  // namespace phoenix::manifest
