// Any bytes, fed at once or in small pieces, must give the same requests or the same fault, within
// the bounds.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "net/http_parser.h"

namespace {

using phoenix::HttpHead;
using phoenix::HttpParser;

constexpr HttpParser::Limits kLimits = {.head = 2'048, .body = 4'096};

void check(bool holds) {
  if (!holds) std::abort();
}

std::string describe(const HttpHead& head) {
  std::string text = head.method + " " + head.path + "?" + head.query + "\n";
  for (const auto& [name, value] : head.headers) text += name + ": " + value + "\n";
  return text;
}

// All requests in the bytes, fed in pieces of that size, as text.
std::string read_all(std::string_view bytes, size_t piece) {
  HttpParser parser(kLimits);
  std::string buffer;
  std::string story;
  size_t at = 0;
  for (;;) {
    size_t used = 0;
    const auto status = parser.feed(buffer, used);
    check(used <= buffer.size());
    buffer.erase(0, used);
    if (status == HttpParser::Status::kFault) {
      check(!parser.fault().detail.empty());
      return story + "fault";
    }
    if (status == HttpParser::Status::kDone) {
      check(parser.request().body.size() <= kLimits.body);
      story += describe(parser.request().head) + parser.request().body + "\n";
      parser.reset();
      continue;
    }
    if (status == HttpParser::Status::kHead) continue;
    if (at == bytes.size()) return story + "more";
    // What the parser leaves unused for want of more bytes stays bounded.
    check(buffer.size() <= kLimits.head + piece);
    buffer += bytes.substr(at, piece);
    at += std::min(piece, bytes.size() - at);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string whole = read_all(bytes, size + 1);
  const std::string cut = read_all(bytes, 3);
  if (whole == cut) return 0;
  // A malformed head that comes in pieces is found out only at its end.
  const bool found_late = whole.ends_with("fault") && cut.ends_with("more") &&
                          whole.substr(0, whole.size() - 5) == cut.substr(0, cut.size() - 4);
  // Long chunk lines and trailers are taken when they happen to arrive at once, else refused.
  const bool too_long = cut.ends_with("fault") && size > kLimits.head;
  check(found_late || too_long);
  return 0;
}
