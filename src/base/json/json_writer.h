// Writes JSON to the end of a string, without a tree in between. Commas are the writer's work;
// the caller balances begin and end. Strings must be UTF-8.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.h"

namespace phoenix::json {

// With its quotes; control characters, quotes and backslashes escaped.
void append_string(std::string& out, std::string_view text);
// "2026-11-23T08:15:00.042Z", without quotes. Requires: a year from 1970 to 9999.
void append_time(std::string& out, WallMs at);
std::string time_text(WallMs at);
// "0.9" for 900, "1" for 1000, "0" for 0.
void append_thousandths(std::string& out, uint32_t value);

template <class Integer>
void append_integer(std::string& out, Integer value) {
  char buffer[24];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  out.append(buffer, static_cast<size_t>(end - buffer));
}

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  // As an array's item, or as the value after key().
  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }
  void key(std::string_view name) {
    comma();
    append_string(out_, name);
    out_ += ':';
    comma_ = false;
  }
  void string(std::string_view text) {
    comma();
    append_string(out_, text);
  }
  template <class Integer>
  void integer(Integer value) {
    comma();
    append_integer(out_, value);
  }
  void boolean(bool value) { raw(value ? "true" : "false"); }
  void null() { raw("null"); }
  // With at most six digits behind the point.
  void real(double value);
  void time(WallMs at);
  // JSON text as it is.
  void raw(std::string_view text) {
    comma();
    out_ += text;
  }

  // key() and value in one.
  void field(std::string_view name, std::string_view text) { key(name), string(text); }
  template <class Integer>
  void number(std::string_view name, Integer value) {
    key(name), integer(value);
  }
  void flag(std::string_view name, bool value) { key(name), boolean(value); }
  void real(std::string_view name, double value) { key(name), real(value); }
  void null(std::string_view name) { key(name), null(); }
  // null where there is none: empty text, kNoWall.
  void field_or_null(std::string_view name, std::string_view text) {
    key(name);
    text.empty() ? null() : string(text);
  }
  void time_or_null(std::string_view name, WallMs at) {
    key(name);
    at == kNoWall ? null() : time(at);
  }
  template <class Strings>
  void strings(std::string_view name, const Strings& values) {
    key(name);
    begin_array();
    for (const auto& value : values) string(value);
    end_array();
  }
  // For pairs of key and value.
  template <class Pairs>
  void object_of(std::string_view name, const Pairs& pairs) {
    key(name);
    begin_object();
    for (const auto& [key_text, value] : pairs) field(key_text, value);
    end_object();
  }

  std::string& out() { return out_; }

 private:
  void comma() {
    if (comma_) out_ += ',';
    comma_ = true;
  }
  void open(char bracket) {
    comma();
    out_ += bracket;
    comma_ = false;
  }
  void close(char bracket) {
    out_ += bracket;
    comma_ = true;
  }

  std::string& out_;
  bool comma_ = false;
};

}  // namespace phoenix::json
