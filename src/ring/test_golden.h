// Reads the golden rows in tests/corpus/ring/, made by tests/ring_golden.py, which shares no code
// with us. Fields are separated by blanks, names are percent-encoded, `-` is nothing.
#pragma once

#include <functional>
#include <istream>
#include <sstream>
#include <string>
#include <vector>

#include "base/siphash.h"

namespace phoenix::golden {

inline std::string decoded(const std::string& text) {
  std::string bytes;
  if (text == "-") return bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      bytes.push_back(text[i]);
      continue;
    }
    bytes.push_back(static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16)));
    i += 2;
  }
  return bytes;
}

inline std::vector<std::string> decoded_list(const std::string& text) {
  std::vector<std::string> names;
  if (text == "-") return names;
  std::istringstream fields(text);
  for (std::string name; std::getline(fields, name, ',');) names.push_back(decoded(name));
  return names;
}

inline RingKey read_key(std::istream& fields) {
  RingKey key;
  std::string text;
  fields >> text;
  for (size_t i = 0; i < key.bytes.size(); ++i) {
    key.bytes[i] = static_cast<uint8_t>(std::stoi(text.substr(2 * i, 2), nullptr, 16));
  }
  return key;
}

// Calls for each row but the comments, until that says false.
inline void for_each_row(std::istream& file, const std::function<bool(const std::string&)>& read) {
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with('#') && !read(line)) return;
  }
}

}  // namespace phoenix::golden
