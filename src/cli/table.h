// Text for people: columns, key-value sheets, colours, ages. Pure functions of what they are
// given, so that tests compare whole outputs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace phoenix::cli {

// Makes text harmless for a terminal: control characters and broken UTF-8 become \xNN.
std::string harmless(std::string_view text);

// How many columns a terminal gives to the text: one for each code point, none for colours.
size_t display_width(std::string_view text);

// The colour that goes with a state ("COMPLETED", "DRAINING", …); the text itself if none does
// or `color` is off.
std::string colored_state(std::string_view state, bool color);
std::string bold(std::string_view text, bool color);
std::string dimmed(std::string_view text, bool color);

class Table {
 public:
  struct Column {
    std::string title;
    bool wide_only = false;
    bool right = false;  // numbers
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // One cell a column, wide ones included. An empty cell is shown as "-".
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }
  void clear() { rows_.clear(); }
  // Least widths of the first columns, for rows that are yet to come.
  void widen(std::vector<size_t> widths) { widths_ = std::move(widths); }

  // Header and rows, two spaces between columns, no spaces at the ends of lines. A column named
  // STATUS is coloured by its states. Columns never get narrower from one rendering to the next,
  // so that rows added later stay below the header.
  std::string render(bool wide, bool color, bool header = true);

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<size_t> widths_;
};

// "Name:   value" lines, values aligned; a value of several lines is indented below its name.
std::string render_sheet(const std::vector<std::pair<std::string, std::string>>& fields,
                         bool color);

// "12s", "3m", "5h", "2d" since an RFC 3339 UTC time; empty if `at` is none. `now_ms` is wall time.
std::string age(std::string_view at, int64_t now_ms);
// Milliseconds since 1970 of an RFC 3339 UTC time ("2026-01-02T03:04:05.678Z"); -1 if it is none.
int64_t parse_time(std::string_view at);

}  // namespace phoenix::cli
