#include "policy/cel/regex.h"

#include <re2/re2.h>

namespace phoenix::cel {
namespace {

// Bounds the compiled form: repetitions of repetitions would multiply.
constexpr int64_t kMostPatternMemory = 256 << 10;

RE2::Options options() {
  RE2::Options made;
  made.set_log_errors(false);
  made.set_max_mem(kMostPatternMemory);
  return made;
}

re2::StringPiece piece(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

struct Regex::Impl {
  explicit Impl(std::string_view pattern) : re(piece(pattern), options()) {}
  RE2 re;
};

Regex::Regex(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;
Regex::~Regex() = default;

tl::expected<Regex, std::string> Regex::compile(std::string_view pattern) {
  auto impl = std::make_unique<Impl>(pattern);
  if (!impl->re.ok()) return tl::unexpected(impl->re.error());
  return Regex(std::move(impl));
}

bool Regex::matches(std::string_view text) const {
  return RE2::PartialMatch(piece(text), impl_->re);
}

}  // namespace phoenix::cel
