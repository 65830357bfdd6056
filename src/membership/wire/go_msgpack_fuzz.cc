// Any bytes: the reader that skips a value and the scanner that finds its end agree, however the
// value is cut; and every other read ends in bounds.
#include "membership/wire/go_msgpack.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace {

using phoenix::gossip::GoReader;
using phoenix::gossip::ValueScanner;

void read_as(GoReader& in, int what) {
  switch (what % 8) {
    case 0:
      in.boolean();
      break;
    case 1:
      if (in.uint(1'000) > 1'000) std::abort();
      break;
    case 2:
      in.sint();
      break;
    case 3:
      in.float64();
      break;
    case 4:
      in.str();
      break;
    case 5:
      in.array();
      break;
    case 6:
      in.map();
      break;
    default:
      in.skip();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  GoReader skipped(bytes);
  skipped.skip();
  ValueScanner at_once, piecewise;
  size_t end = 0, pos = 0;
  const ValueScanner::State whole = at_once.scan(bytes, end);
  if (skipped.ok() != (whole == ValueScanner::State::kDone)) std::abort();
  if (skipped.ok() && skipped.rest() != bytes.substr(end)) std::abort();
  ValueScanner::State state = ValueScanner::State::kMore;
  for (size_t n = 0; n <= size && state == ValueScanner::State::kMore; ++n) {
    state = piecewise.scan(bytes.substr(0, n), pos);
  }
  if (state != whole || pos != end) std::abort();

  for (int what = 0; what < 8; ++what) {
    GoReader in(bytes);
    for (int i = 0; in.ok() && !in.at_end(); ++i) {
      const size_t before = in.rest().size();
      read_as(in, what + (i == 0 ? 0 : data[before - 1]));
      if (in.ok() && in.rest().size() >= before) std::abort();
    }
  }
  return 0;
}
