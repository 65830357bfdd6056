// A compiled pattern of matches(), in RE2's syntax: no backtracking, so a match takes time in
// proportion to the text, whatever the pattern.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace phoenix::cel {

class Regex {
 public:
  // The error says what is wrong with the pattern.
  static tl::expected<Regex, std::string> compile(std::string_view pattern);
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;
  ~Regex();

  // Whether the pattern is found anywhere in the text; ^ and $ bind it to its ends.
  bool matches(std::string_view text) const;

 private:
  struct Impl;
  explicit Regex(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace phoenix::cel
